"""The shares as CSV: `edges.csv` and `heads.csv`, one line each, the most often kept first.

Of runs in positions, a line is of one span, and its last column says how many runs keep the same whatever the span: so
one sees whether it is the edge that comes and goes, or only its place.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence

from acdc_custom.circuit.members import Part, merged, name_of
from acdc_custom.stability.record import Stability

COLUMNS = ("n_kept", "n_runs", "share", "low", "high", "effect")

ANY_SPAN = "n_kept_any_span"


def edges_csv(stability: Stability) -> str:
    """The text of `edges.csv`."""
    return _csv(stability, Part.EDGES, ("sender", "receiver"))


def heads_csv(stability: Stability) -> str:
    """The text of `heads.csv`."""
    return _csv(stability, Part.HEADS, ("head",))


def _csv(stability: Stability, part: Part, names: Sequence[str]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    anywhere = stability.whatever_span
    kept = {share.member: share.n_kept for share in anywhere.shares[part]} if anywhere else {}
    writer.writerow((*names, *(["span"] if anywhere else []), *COLUMNS, *([ANY_SPAN] if anywhere else [])))
    for share in stability.shares[part]:
        numbers = [share.n_kept, share.n_runs, share.share, *share.interval, share.effect]
        if anywhere:
            numbers.append(kept[merged(share.member)])
        writer.writerow((*name_of(share.member).values(), *numbers))
    return text.getvalue()
