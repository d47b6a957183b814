"""What answers at once imports nothing heavy."""

from __future__ import annotations

import json
import subprocess
import sys

HEAVY = (
    *("torch", "transformers", "transformer_lens", "tokenizers", "numpy", "scipy", "networkx", "pygraphviz"),
    "matplotlib",
)
PROGRAM = f"""
import contextlib, io, json, sys
from acdc_custom.cli import main
for arguments in json.loads(sys.argv[1]):
    shown = io.StringIO()
    with contextlib.redirect_stdout(shown), contextlib.redirect_stderr(shown):
        try:
            main(arguments)
        except SystemExit as stopped:
            code = stopped.code or 0
        else:
            code = 0
    imported = [name for name in {HEAVY} if name in sys.modules]
    print(json.dumps([arguments, code, imported, shown.getvalue()]))
"""
CASES: list[tuple[list[str], int]] = [
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
]


def test_answers_without_importing_anything_heavy() -> None:
    asked = json.dumps([arguments for arguments, _ in CASES])
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, asked], capture_output=True, text=True, check=True, timeout=60
    )
    for (arguments, expected), line in zip(CASES, done.stdout.splitlines(), strict=True):
        given, code, imported, shown = json.loads(line)
        assert given == arguments and imported == [], arguments  # the first that imports something is the culprit
        assert code == expected and "Traceback" not in shown, (arguments, shown)


def test_importing_the_package_imports_nothing_heavy() -> None:
    program = f"import sys, acdc_custom; print(*[name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == ""
