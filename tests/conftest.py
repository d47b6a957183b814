"""What all tests share."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from acdc_custom.cli import main


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    """Tensors in tests are tiny: threads would only wait for each other."""
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def run_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of the bundled model, with heads in its circuit."""
    folder = tmp_path_factory.mktemp("finished") / "run"
    main(["discover", "--task", "ioi", "--n", "8", "--no-roles", "--out", str(folder)])
    return folder
