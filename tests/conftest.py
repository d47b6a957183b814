"""What all tests share."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from browser import MISSING, installed, launch
from small_models import two_layers

from acdc_custom.cli import main


def pytest_collection_finish() -> None:
    """What has been imported stays: half a million objects that the collector need not look through each time."""
    gc.collect()
    gc.freeze()


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


@pytest.fixture(scope="session")
def small_model(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A directory with a model of two layers that does `ioi`: what commands are tried on, where any model will do."""
    return str(two_layers(tmp_path_factory.mktemp("model") / "two-layers"))


@pytest.fixture(scope="session")
def small_run(small_model: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run of the small model, with heads in its circuit."""
    folder = tmp_path_factory.mktemp("small") / "run"
    main([
        "discover", "--task", "ioi", "--model", small_model, "--n", "8", "--held-out", "12", "--threshold", "0.05",
        "--no-roles", "--out", str(folder),
    ])  # fmt: skip
    return folder


@pytest.fixture(scope="session")
def placed_runs(small_model: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Runs in positions of two tasks that share some of their spans: the 24 edges of the largest scores of each."""
    folder = tmp_path_factory.mktemp("placed")
    for task in ("latest_s", "earliest_s"):
        main([
            "discover", "--task", task, "--model", small_model, "--n", "3", "--held-out", "0", "--method", "eap",
            "--edges", "24", "--positions", "--no-roles", "--out", str(folder / task),
        ])  # fmt: skip
    return folder / "latest_s", folder / "earliest_s"


@pytest.fixture(scope="session")
def chromium() -> Iterator[Any]:
    """A headless browser: the system's, since none is downloaded."""
    playwright = pytest.importorskip("playwright.sync_api")
    path = installed()
    if path is None:
        pytest.skip(MISSING)
    with playwright.sync_playwright() as started:
        browser = launch(started, path)
        yield browser
        browser.close()
