"""What is known of the heads of a circuit or a model, as `heads.json` and `heads.csv`.

Owns the contents and the form of both files (schema 1). `heads.json` loads back exactly what was saved; `heads.csv` is
the same numbers, one line a head, for notebooks and spreadsheets. Imports no torch: pictures and reports read heads
without a model.
"""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from shlex import quote
from typing import Any, Self

from acdc_custom.circuit.circuit import Circuit
from acdc_custom.errors import count
from acdc_custom.files.reading import file_in, read_record
from acdc_custom.files.records import Parts, from_plain, seldom, to_json, to_plain
from acdc_custom.files.table import Row, Tabular, csv_text, html_table
from acdc_custom.files.writing import write_file
from acdc_custom.graph import Sender
from acdc_custom.heads.evidence import DEFINITIONS, Evidence, Measure, Role, Score
from acdc_custom.heads.names import circuit_heads
from acdc_custom.task.spans import END

SCHEMA = 1
JSON_NAME, CSV_NAME = "heads.json", "heads.csv"
LONGEST_LINE = 110  # characters of a tooltip's
HEAD_COLUMNS = ("head", "layer", "number", "in_circuit", "role", "also", "why")


@dataclass(frozen=True)
class TableSource:
    """What the heads were measured on."""

    task: str
    corruption: str
    n: int  # prompts
    seed: int  # of the prompts, of the random tokens, and of the sample of heads
    batch_sha256: str
    model: str
    weights_sha256: str
    logit_diff: float  # the model's; effects are in per cent of it
    measured: int  # heads, those of the sample among them
    of_heads: int  # in the model
    definitions: int  # which ones of the measures: see `evidence.DEFINITIONS`


@dataclass(frozen=True)
class HeadRow:
    """One head. `attention` is from END to each place that holds a word; `correlation`, per word, is that of the
    attention to it with what the head writes along it (where both vary); `evidence` is what the role rests on.

    An unclassified head has the evidence for the role that it comes closest to, and `why` says what it lacks.
    """

    head: Sender
    in_circuit: bool
    role: Role
    also: tuple[Role, ...]
    scores: Mapping[Measure, Score]
    attention: Mapping[str, float]
    correlation: Mapping[str, float]
    evidence: tuple[Evidence, ...]
    why: str  # it has no role; empty if it has one
    spans: tuple[str, ...] = seldom(())  # in a circuit in positions, where it writes

    @property
    def where(self) -> str:
        """Where it has its role in a circuit in positions: `at S2`; nothing if it is in none.

        A role that is a matter of END is had there, or not at all by what the circuit keeps of the head.
        """
        if not self.spans:
            return ""
        if not self.role.at_end:
            return f"at {', '.join(self.spans)}"
        if END in self.spans:
            return f"at {END}"
        return f"at {END}, where the circuit does not have it: it does at {', '.join(self.spans)}"

    def roles_at(self, span: str) -> tuple[Role, ...]:
        """The roles that it has at a span, the first one first: none that is a matter of END elsewhere. "" is all
        tokens."""
        there = span in ("", END)
        return tuple(role for role in (self.role, *self.also) if there or not role.at_end)

    @property
    def lines(self) -> list[str]:
        """The role and what it rests on, line by line, for people."""
        if self.role is not Role.UNCLASSIFIED:
            first = f"{self.role} {self.where}".rstrip()
            return [first, *map(str, self.also)] + [str(e) for e in self.evidence]
        return [
            *textwrap.wrap(f"{self.role}: {self.why}", LONGEST_LINE),
            *(str(e) + ("" if e.passed else " - too weak") for e in self.evidence),
        ]


@dataclass(frozen=True, repr=False)
class HeadTable(Tabular):
    """All heads that were asked for, in topological order. `movers` are those whose queries S-inhibition steers."""

    source: TableSource
    movers: tuple[Sender, ...]
    notes: tuple[str, ...]  # whole sentences for the user
    rows: tuple[HeadRow, ...]

    def __getitem__(self, head: Sender) -> HeadRow:
        """The row of a head. Raises `KeyError`."""
        for row in self.rows:
            if row.head == head:
                return row
        raise KeyError(str(head))

    @property
    def roles(self) -> dict[Sender, Role]:
        """Each head's role."""
        return {row.head: row.role for row in self.rows}

    def is_about(self, circuit: Circuit) -> bool:
        """Whether these are this circuit's heads, measured as they would be today on the circuit's own prompts."""
        source, inside = self.source, [row.head for row in self.rows if row.in_circuit]
        return (
            (source.batch_sha256, source.weights_sha256) == (circuit.task.batch_sha256, circuit.model.weights_sha256)
            and source.definitions == DEFINITIONS
            and sorted(inside) == circuit_heads(circuit)
        )

    @property
    def counts(self) -> dict[Role, int]:
        """How many heads there are of each role that occurs, in the order of `Role`."""
        counted = Counter(row.role for row in self.rows)
        return {role: counted[role] for role in Role if counted[role]}

    # -- files ------------------------------------------------------------------------------------------

    def to_json(self) -> str:
        """The text of `heads.json`."""
        content = {
            "source": self.source,
            "movers": self.movers,
            "notes": self.notes,
            "measures": {measure: measure.about for measure in Measure},
            "roles": {role: role.about for role in Role},
            "heads": [
                {**to_plain(row), "evidence": [{**to_plain(e), "passed": e.passed} for e in row.evidence]}
                for row in self.rows
            ],
        }
        return to_json(SCHEMA, content)

    def to_rows(self) -> list[Row]:
        """One row a head, with a text, a number or, where nothing was measured, None under every name."""
        places = list(self.rows[0].attention) if self.rows else []
        words = dict.fromkeys(word for row in self.rows for word in row.correlation)
        in_positions = any(row.spans for row in self.rows)
        return [
            {
                "head": str(row.head),
                "layer": row.head.layer,
                "number": row.head.head,
                "in_circuit": int(row.in_circuit),
                "role": row.role.value,
                "also": "; ".join(row.also),
                "why": row.why,
                **{measure.value: row.scores[measure].value if measure in row.scores else None for measure in Measure},
                **{f"attention_{place}": row.attention.get(place) for place in places},
                **{f"correlation_{word}": row.correlation.get(word) for word in words},
                **({"spans": "; ".join(row.spans)} if in_positions else {}),
            }
            for row in self.rows
        ]

    def to_csv(self) -> str:
        """The text of `heads.csv`: a header and one line a head. What was not measured is left empty."""
        rows = self.to_rows()
        return csv_text(rows, None if rows else (*HEAD_COLUMNS, *Measure))

    def _repr_html_(self) -> str:
        shown = [
            {"head": row.head.label, "role": row.role.value, "why": row.why or "; ".join(map(str, row.evidence))}
            for row in sorted(self.rows, key=lambda row: not row.in_circuit)
            if row.in_circuit or row.role is not Role.UNCLASSIFIED
        ]
        return html_table(shown, f"Heads of {self.source.task} in {self.source.model}", len(shown))

    def __repr__(self) -> str:
        roles = ", ".join(f"{n} {role}" for role, n in self.counts.items())
        return f"<{count(len(self.rows), 'head')} of {self.source.task} in {self.source.model}: {roles}>"

    def save(self, folder: str | Path) -> list[Path]:
        """Write `heads.json` and `heads.csv` into a folder, each whole or not at all. Raises `ResultError`."""
        texts = {JSON_NAME: self.to_json(), CSV_NAME: self.to_csv()}
        return [write_file(Path(folder) / name, text) for name, text in texts.items()]

    @classmethod
    def load(cls, where: str | Path) -> Self:
        """Read a run folder's `heads.json`, or that file itself. Raises `ResultError` saying what is wrong with it."""
        path = file_in(where, JSON_NAME)
        return read_record(path, SCHEMA, f"Make it with: acdc-custom roles {quote(str(path.parent))}", cls._read)

    @classmethod
    def _read(cls, content: dict[str, Any]) -> Self:
        whole = Parts(content)
        return cls(
            source=whole.read("source", TableSource),
            movers=whole.read("movers", tuple[Sender, ...]),
            notes=whole.read("notes", tuple[str, ...]),
            rows=tuple(map(_row, whole.each("heads"))),
        )


def _row(row: Parts) -> HeadRow:
    """Whether evidence has passed follows from its numbers."""
    evidence = row.records("evidence", Evidence, beside=("passed",))
    return replace(from_plain(HeadRow, {**row.content, "evidence": []}, row.place), evidence=evidence)
