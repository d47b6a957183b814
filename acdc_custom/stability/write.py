"""The files of a study: `stability.json`, `edges.csv`, `heads.csv`, `stability.svg`, `edges.svg`, and `consensus/`.

Owns their names. `consensus/` is a run folder like any other but for its journal: what reads runs reads it.
"""

from __future__ import annotations

from pathlib import Path

from acdc_custom.circuit.circuit import Circuit
from acdc_custom.circuit.members import Part
from acdc_custom.files.writing import write_file
from acdc_custom.runs.folder import REQUEST, RunRequest
from acdc_custom.stability.content import JSON_NAME, to_json
from acdc_custom.stability.figure import stability_figure
from acdc_custom.stability.picture import draw_all, draw_consensus
from acdc_custom.stability.record import Stability
from acdc_custom.stability.tables import edges_csv, heads_csv

FIGURE_NAME, PICTURE_NAME, CONSENSUS = "stability.svg", "edges.svg", "consensus"


def write_stability(stability: Stability, consensus: Circuit, request: RunRequest, folder: str | Path) -> list[Path]:
    """Write everything, over what an earlier look at the same runs has left; gives the paths. Raises `ResultError`.

    `request` is what would have to be asked for to make a run that varies nothing.
    """
    folder = Path(folder)
    texts = {
        JSON_NAME: to_json(stability),
        "edges.csv": edges_csv(stability.shares[Part.EDGES]),
        "heads.csv": heads_csv(stability.shares[Part.HEADS]),
    }
    files = [write_file(folder / name, text) for name, text in texts.items()]
    files.append(stability_figure(stability).save(folder / FIGURE_NAME))
    files.append(draw_all(stability, consensus, folder / PICTURE_NAME))
    within = folder / CONSENSUS
    asked = write_file(within / REQUEST, request.to_json())
    return [*files, consensus.save(within), asked, *draw_consensus(stability, consensus, within)]
