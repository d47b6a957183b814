"""The result of path patching, as a table: which senders matter to the receivers, and how much.

Owns the words and columns that the terminal, the CSV file and the figure share. Imports no torch.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from acdc_custom.choices import Effect
from acdc_custom.files.columns import left, paragraph, right, table, whole
from acdc_custom.files.table import Row, Tabular
from acdc_custom.graph import Place, Receiver, Sender, Stage

STRONGEST = 15


@dataclass(frozen=True)
class PatchRow:
    """One sender, at all tokens or at those of a span.

    `change` is in per cent of the clean logit difference: negative where the sender helps.
    """

    sender: Sender
    logit_diff: float  # mean over prompts, when the sender's paths are patched
    change: float
    span: str = ""  # "": all tokens

    @property
    def place(self) -> Place:
        """The sender and its span."""
        return Place(self.sender, self.span)


@dataclass(frozen=True)
class PatchTable(Tabular):
    """Path patching of many senders, each by itself, to the same receivers."""

    task: str
    corruption: str
    model: str
    n: int  # prompts
    seed: int
    receivers: tuple[Receiver, ...]
    read_at: tuple[str, ...]  # where each receiver reads what is patched
    effect: Effect
    clean_logit_diff: float
    rows: tuple[PatchRow, ...]
    unreached: tuple[str, ...] = ()  # spans of senders from which no path of this effect leads to the receivers

    @property
    def title(self) -> str:
        """What was patched, in one line."""
        return f"Path patching to {self._to} ({self.effect}), {self.task} in {self.model}"

    @property
    def name(self) -> str:
        """What its files are called: `patch_a9.h9.q_END_direct`."""
        first, *others = map(str, self.receivers)
        to = f"{first}-and-{len(others)}-more" if others else first
        return _file_name(f"patch_{to}_{self.position}_{self.effect}")

    def name_from(self, span: str) -> str:
        """What the figure of the senders at a span is called: `patch_a9.h9.q_END_total_from_S2`."""
        return _file_name(f"{self.name}_from_{span}") if span else self.name

    @property
    def position(self) -> str:
        """Where the receivers read what is patched: each such place once."""
        return ", ".join(dict.fromkeys(self.read_at))

    @property
    def spans(self) -> tuple[str, ...]:
        """The spans at which senders are patched; "" for those that are patched at all tokens."""
        return tuple(dict.fromkeys(row.span for row in self.rows))

    @property
    def _to(self) -> str:
        if len(set(self.read_at)) == 1:
            return f"{', '.join(map(str, self.receivers))} at {self.position}"
        return ", ".join(f"{receiver} at {at}" for receiver, at in zip(self.receivers, self.read_at, strict=True))

    @property
    def strongest(self) -> list[PatchRow]:
        """The rows, largest change first."""
        return sorted(self.rows, key=lambda row: -abs(row.change))

    def by_head(self, n_layers: int, n_heads: int, span: str = "") -> list[list[float]]:
        """The changes as `[layer][head]` where heads are patched at this span; nan for what was not patched."""
        grid = [[float("nan")] * n_heads for _ in range(n_layers)]
        for row in self.rows:
            if row.sender.stage is Stage.HEAD and row.span == span:
                grid[row.sender.layer][row.sender.head] = row.change
        return grid

    def to_rows(self) -> list[Row]:
        """One row a sender, each with all that it depends on."""
        return [
            {
                "sender": str(row.sender),
                "layer": row.sender.layer,
                "number": row.sender.head,
                "span": row.span,
                "change_percent": row.change,
                "logit_diff": row.logit_diff,
                "clean_logit_diff": self.clean_logit_diff,
                "receivers": " ".join(map(str, self.receivers)),
                "position": self.position,
                "effect": self.effect,
                "task": self.task,
                "corruption": self.corruption,
                "model": self.model,
                "n": self.n,
                "seed": self.seed,
            }
            for row in self.rows
        ]

    def text(self) -> str:
        """The strongest senders for the terminal."""
        return "\n".join(self._lines())

    def _lines(self) -> Iterator[str]:
        yield from paragraph(
            f"paths to {self._to}; {self.effect} effect: {self.effect.about}",
            "Patched    ",
            " " * 11,
        )
        yield f"Clean      logit difference {self.clean_logit_diff:.2f}, mean over {self.n} prompts"
        yield from table(
            (left("sender"), right("change"), right("logit difference when patched")),
            [
                (row.place.label, whole(f"{row.change:.2f} %"), f"{row.logit_diff:.3f}")
                for row in self.strongest[:STRONGEST]
            ],
        )
        more = f" The strongest {STRONGEST} of {len(self.rows)}." if len(self.rows) > STRONGEST else ""
        yield f"A negative change: the sender helps.{more}"
        if self.unreached:
            yield from paragraph(
                f"No path of this effect leads from {', '.join(self.unreached)} to where it is read: only other heads "
                "move anything from token to token. --effect total goes through them.",
                "Note       ",
                " " * 11,
            )


def _file_name(text: str) -> str:
    return re.sub(r"[^\w.+#-]+", "-", text)
