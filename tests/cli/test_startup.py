"""What answers at once imports nothing heavy."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = (
    *("torch", "transformers", "transformer_lens", "tokenizers", "numpy", "scipy", "networkx", "pygraphviz"),
    "matplotlib",
)
PROGRAM = f"""
import sys
from acdc_custom.cli import main
try:
    main(sys.argv[1:])
except SystemExit as stopped:
    code = stopped.code or 0
else:
    code = 0
print("imported:", *[name for name in {HEAVY} if name in sys.modules])
sys.exit(code)
"""


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--help"], 0),
        (["--version"], 0),
        (["discover", "--help"], 0),
        (["draw", "--help"], 0),
        (["export", "--help"], 0),
        (["survey", "--help"], 0),
        (["survey", "nowhere.csv"], 2),
        (["export", "results", "--to", "gml"], 2),
        (["analyze", "--help"], 0),
        (["analyze", "patch-heads", "--help"], 0),
        (["tasks"], 0),
        (["tasks", "list"], 0),
        (["tasks", "new", "my_task", "--out", "/dev/null/my_task.toml"], 1),
        (["tasks", "show", "--help"], 0),
        (["tasks", "show", "latest"], 2),
        (["tasks", "check", "latest"], 2),
        (["tasks", "check", "ioi", "--n", "100001"], 2),
        (["models"], 0),
        ([], 2),
        (["discver"], 2),
        (["discover"], 2),
        (["discover", "--task", "latest"], 2),
        (["discover", "--task", "ioi", "--threshold", "-1"], 2),
        (["discover", "--task", "ioi", "--n", "0"], 2),
        (["show", "no-such-folder"], 1),
        (["report", "--help"], 0),
        (["compare", "--help"], 0),
        (["sweep", "--help"], 0),
        (["sweep", "--task", "latest"], 2),
        (["sweep", "--task", "ioi", "--thresholds", "1..0.1"], 2),
        (["compare", "no-such-folder", "nor-this"], 1),
        (["report", "no-such-folder"], 1),
        (["analyze", "lens", "--task", "latest"], 2),
        (["analyze", "attribution", "--task", "ioi", "--heads", "m1"], 2),
    ],
    ids=lambda value: " ".join(value) or "nothing" if isinstance(value, list) else None,
)
def test_answers_without_importing_anything_heavy(arguments: list[str], code: int) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, *arguments], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.stdout.splitlines()[-1] == "imported:", done.stdout
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr


def test_importing_the_package_imports_nothing_heavy() -> None:
    program = f"import sys, acdc_custom; print(*[name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == ""
