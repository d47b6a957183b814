"""The shares as CSV: `edges.csv` and `heads.csv`, one line each, the most often kept first."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from acdc_custom.circuit.members import name_of
from acdc_custom.stability.shares import SelectionFrequency

COLUMNS = ("n_kept", "n_runs", "share", "low", "high", "effect")


def edges_csv(shares: Sequence[SelectionFrequency]) -> str:
    """The text of `edges.csv`."""
    return _csv(("sender", "receiver"), shares)


def heads_csv(shares: Sequence[SelectionFrequency]) -> str:
    """The text of `heads.csv`."""
    return _csv(("head",), shares)


def _csv(names: Sequence[str], shares: Sequence[SelectionFrequency]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow((*names, *COLUMNS))
    for share in shares:
        numbers = (share.n_kept, share.n_runs, share.share, *share.interval, share.effect)
        writer.writerow((*name_of(share.member).values(), *numbers))
    return text.getvalue()
