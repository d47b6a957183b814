"""What is in the wheel and in the source distribution, and what pip is promised."""

from __future__ import annotations

import configparser
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
MODEL = "acdc_custom/bundled/demo-4l"
NOT_SOURCE = shutil.ignore_patterns(".*", "build", "dist", "site", "*.egg-info", "__pycache__", "results")


def setup_cfg() -> configparser.ConfigParser:
    parser = configparser.ConfigParser()
    parser.read(ROOT / "setup.cfg", encoding="utf-8")
    return parser


def lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]


def requirements(section: str, key: str) -> list[Requirement]:
    """What a key of setup.cfg requires, without its references to other keys."""
    raw = setup_cfg().get(section, key, raw=True)
    return [Requirement(line) for line in lines(raw) if not line.startswith("%(")]


def pins() -> dict[str, str]:
    rows = [line for line in lines((ROOT / "constraints.txt").read_text()) if not line.startswith("#")]
    return {canonicalize_name(name): version for name, version in (row.split("==") for row in rows)}


def sources() -> set[str]:
    """Every file that an installed package has to have, by its path in the wheel."""
    modules = {path.relative_to(ROOT).as_posix() for path in (ROOT / "acdc_custom").rglob("*.py")}
    tasks = {f"acdc_custom/tasks/{path.name}" for path in (ROOT / "tasks").iterdir()}
    model = {path.relative_to(ROOT).as_posix() for path in (ROOT / MODEL).iterdir()}
    assets = {path.relative_to(ROOT).as_posix() for path in (ROOT / "acdc_custom/page/assets").iterdir()}
    return modules | tasks | model | assets | {"acdc_custom/py.typed", "acdc_custom/task/starter.toml"}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[set[str], set[str]]:
    """The files of the source distribution (without its top folder) and of the wheel that was built from it."""
    pytest.importorskip("build")
    pytest.importorskip("setuptools")
    folder = tmp_path_factory.mktemp("packaging")
    # A copy: what an earlier install left in build/ would find its way into the wheel.
    checkout = shutil.copytree(ROOT, folder / "checkout", ignore=NOT_SOURCE)
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder / "dist"), str(checkout)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    (sdist,) = (folder / "dist").glob("*.tar.gz")
    (wheel,) = (folder / "dist").glob("*.whl")
    with tarfile.open(sdist) as archive:
        in_sdist = {member.name.partition("/")[2] for member in archive.getmembers() if member.isfile()}
    with zipfile.ZipFile(wheel) as archive:
        in_wheel = set(archive.namelist())
    return in_sdist, in_wheel


def test_the_wheel_has_every_module_task_and_model_file_and_nothing_else(built: tuple[set[str], set[str]]) -> None:
    _, wheel = built
    assert {name for name in wheel if ".dist-info/" not in name} == sources()


def test_the_source_distribution_has_everything_that_the_wheel_is_made_of(built: tuple[set[str], set[str]]) -> None:
    sdist, _ = built
    expected = {name.replace("acdc_custom/tasks/", "tasks/") for name in sources()}
    assert expected <= sdist
    assert {"README.md", "LICENSE", "CHANGELOG.md", "setup.cfg", "pyproject.toml", "constraints.txt"} <= sdist
    assert {path.relative_to(ROOT).as_posix() for path in (ROOT / "tests").rglob("*.py")} <= sdist


def test_the_licence_and_the_command_are_in_the_wheel(built: tuple[set[str], set[str]]) -> None:
    _, wheel = built
    about = {name.partition(".dist-info/")[2] for name in wheel if ".dist-info/" in name}
    assert {"licenses/LICENSE", "entry_points.txt", "METADATA"} <= about


def test_setup_cfg_names_every_package() -> None:
    folders = {path.parent.relative_to(ROOT) for path in (ROOT / "acdc_custom").rglob("*.py")}
    named = set(lines(setup_cfg()["options"]["packages"]))
    assert named == {".".join(folder.parts) for folder in folders} | {"acdc_custom.tasks"}


def test_the_bundled_model_is_whole() -> None:
    assert {"config.json", "model.safetensors", "tokenizer.json", "README.md"} <= {
        path.name for path in (ROOT / MODEL).iterdir()
    }


def test_constraints_pin_every_requirement_within_its_range() -> None:
    required = requirements("options", "install_requires")
    for extra in setup_cfg()["options.extras_require"]:
        required += requirements("options.extras_require", extra)
    pinned = pins()
    assert len(required) > 10
    for requirement in required:
        name = canonicalize_name(requirement.name)
        assert name in pinned, f"{name} is not in constraints.txt"
        assert requirement.specifier.contains(pinned[name]), f"{requirement} does not allow {pinned[name]}"


def test_constraints_are_exact_versions_in_order_without_local_parts() -> None:
    pinned = pins()
    assert pinned["torch"] == "2.13.0"
    assert all(re.fullmatch(r"[0-9a-z.]+", version) for version in pinned.values())
    assert list(pinned) == sorted(pinned)


def test_the_next_major_version_of_transformer_lens_is_not_taken() -> None:
    (requirement,) = (r for r in requirements("options", "install_requires") if r.name == "transformer_lens")
    assert requirement.specifier.contains("4.3.0") and not requirement.specifier.contains("5.0.0")
