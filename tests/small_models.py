"""A model of two layers that does indirect object identification, for commands that take a directory."""

from __future__ import annotations

import shutil
from pathlib import Path

from directories import changed_config

from acdc_custom.model.catalogue import BUNDLED

LAYERS = (0, 3)  # of the bundled model: together they name the right person in 95% of its prompts
N_EDGES = 310


def two_layers(folder: Path) -> Path:
    """The bundled model's first and last layer, and its tokenizer; gives the directory."""
    from safetensors.torch import load_file, save_file

    bundled = BUNDLED[0].directory
    shutil.copytree(bundled, folder)
    tensors = {}
    for name, tensor in load_file(bundled / "model.safetensors").items():
        prefix, inside, rest = name.partition(".h.")
        layer, _, part = rest.partition(".")
        if not inside:
            tensors[name] = tensor
        elif int(layer) in LAYERS:
            tensors[f"{prefix}.h.{LAYERS.index(int(layer))}.{part}"] = tensor
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    changed_config(n_layer=len(LAYERS))(folder)
    return folder
