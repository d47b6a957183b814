"""The options that several commands have: their names, defaults and help. Imports nothing heavy."""

from __future__ import annotations

import click

from acdc_custom.choices import Device, Precision
from acdc_custom.model.catalogue import DEFAULT_MODEL

HUB_HINT = "a bundled or packaged model (see acdc-custom models), a Hugging Face directory, or a hub name such as gpt2"

model_option = click.option(
    "--model", default=DEFAULT_MODEL, show_default=True, metavar="NAME|FOLDER", help=f"The model: {HUB_HINT}."
)
n_option = click.option(
    "--n", type=click.IntRange(min=1), metavar="PROMPTS", help="How many prompts.  [default: 50, or all there are]"
)
corruption_option = click.option(
    "--corruption", metavar="NAME", help="Which of the task's corruptions.  [default: the one that the task names]"
)
device_option = click.option(
    "--device",
    type=click.Choice([d.value for d in Device]),
    default=Device.AUTO.value,
    show_default=True,
    help="Where to compute; auto takes CUDA if there is any, then Apple's GPU, then the CPU.",
)
dtype_option = click.option(
    "--dtype",
    type=click.Choice([p.value for p in Precision]),
    default=Precision.FLOAT32.value,
    show_default=True,
    help="Precision.",
)
