"""A circuit as a file for other tools, in one of the forms that `ExportForm` lists.

Owns which text goes with which form, and writing it whole or not at all.
"""

from __future__ import annotations

import csv
import io
from pathlib import Path

from acdc_custom.choices import ExportForm
from acdc_custom.circuit.circuit import Circuit
from acdc_custom.errors import UsageError
from acdc_custom.export.graphs import to_graphml, to_json_graph
from acdc_custom.export.mib import to_mib
from acdc_custom.export.picture import dot_of
from acdc_custom.files.writing import write_file

COLUMNS = ("sender", "receiver", "port", "effect")  # and, in positions, "span"


def write(circuit: Circuit, form: ExportForm | str, path: str | Path, d_model: int | None = None) -> Path:
    """Write every edge of a circuit into a file. The form `mib` needs the model's width `d_model`.

    The folder is made if need be. Raises `UsageError` where a form cannot hold the circuit, `ResultError` if the file
    cannot be written.
    """
    text = _text(circuit, ExportForm(form), d_model)
    return write_file(path, text)


def _text(circuit: Circuit, form: ExportForm, d_model: int | None) -> str:
    match form:
        case ExportForm.MIB:
            if d_model is None:
                raise UsageError("the form mib holds the model's width: give d_model, such as 768 for GPT-2 small.")
            return to_mib(circuit, d_model)
        case ExportForm.GRAPHML:
            return to_graphml(circuit)
        case ExportForm.DOT:
            return dot_of(circuit, max(1, len(circuit.edges)))
        case ExportForm.CSV:
            return to_csv(circuit)
        case ExportForm.JSON_GRAPH:
            return to_json_graph(circuit)


def to_csv(circuit: Circuit) -> str:
    """A table with a line per edge, in the order in which the search kept them; `effect` reads back exactly.

    Of a circuit in positions, a last column has the span.
    """
    text = io.StringIO(newline="")
    table = csv.writer(text, lineterminator="\n")
    table.writerow([*COLUMNS, *["span"] * circuit.in_positions])
    for kept in circuit.edges:
        receiver = kept.edge.receiver
        at = [kept.edge.span] * circuit.in_positions
        table.writerow([kept.edge.sender, receiver, receiver.port.value, repr(kept.effect), *at])
    return text.getvalue()
