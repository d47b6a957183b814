"""The process at the other end of `local.py`'s pipes: `python -m acdc_custom.grid.process FOLDER BYTES GPU_SHARE`.

Reads names of jobs, a line each, executes them in turn, and answers each with a line of JSON. It ends when its standard
input does: so nothing runs on when its caller was killed.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from pathlib import Path
from queue import SimpleQueue


def main(folder: Path, memory: int, gpu: float) -> None:
    """Execute jobs until the standard input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the caller's, who then ends us
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", buffering=1)
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # whatever a library prints goes to the log
    names: SimpleQueue[str] = SimpleQueue()
    threading.Thread(target=_read_names, args=(names,), daemon=True).start()

    from acdc_custom.grid.folder import load_grid
    from acdc_custom.grid.resources import MemoryBudget
    from acdc_custom.grid.worker import execute_job
    from acdc_custom.runs.workspace import Workspace

    jobs = {job.name: job for job in load_grid(folder).jobs}
    workspace, budget = Workspace(), MemoryBudget(memory, gpu)
    while True:
        name = names.get()
        error = execute_job(jobs[name], folder, workspace, budget)
        print(json.dumps({"name": name, "error": error}), file=answers)


def _read_names(names: SimpleQueue[str]) -> None:
    for line in sys.stdin:
        names.put(line.rstrip("\n"))
    os._exit(0)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]))
