"""Many independent runs: planned, executed by several processes or machines, and resumed where they stopped."""

from acdc_custom.grid.execute import Ended, run_grid
from acdc_custom.grid.local import Local
from acdc_custom.grid.plan import Grid, Kind
from acdc_custom.runs.job import Job

__all__ = ["Ended", "Grid", "Job", "Kind", "Local", "run_grid"]
