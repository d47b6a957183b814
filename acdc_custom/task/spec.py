"""What a task says, once it has been read and found right.

Owns the frozen values that a task file turns into. Knows nothing of TOML, of sampling or of tokens.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from acdc_custom.task.forms import RowForm, Target
from acdc_custom.task.pattern import Entry, Pattern, Where, refs

SCHEMA = 1


@dataclass(frozen=True)
class WordList:
    """A list of words, or a table whose rows go together (a word and its opposite)."""

    name: str
    columns: tuple[str, ...]  # empty names: ("",) for a plain list
    rows: tuple[Entry, ...]


@dataclass(frozen=True)
class FromSlot:
    """The row that another slot has in this prompt."""

    slot: str


@dataclass(frozen=True)
class FromList:
    """A row of a list that has no word of this prompt."""

    words: str


@dataclass(frozen=True)
class Replacement:
    """What a slot, or one occurrence of it, becomes in the corrupted prompt."""

    slot: str
    nth: int | None  # None: every occurrence without a replacement of its own
    source: FromSlot | FromList


@dataclass(frozen=True)
class Corruption:
    """One way to make the corrupted prompt from the clean one."""

    name: str
    description: str
    replace: tuple[Replacement, ...]
    foil: Pattern  # the corruption's own, or else the task's


@dataclass(frozen=True)
class TemplateSpec:
    """Prompts that are made: templates, words for their slots, ways to corrupt them."""

    templates: tuple[Pattern, ...]
    answer: Pattern
    foil: Pattern
    slots: Mapping[str, str]  # slot -> name of its word list
    words: Mapping[str, WordList]
    corruptions: Mapping[str, Corruption]
    frame: tuple[str, str] = ("", "")  # what every template has from a chat template, before and after its own text

    def list_of(self, slot: str) -> WordList:
        """The list that fills a slot."""
        return self.words[self.slots[slot]]

    def clean_slots(self, template: Pattern) -> tuple[str, ...]:
        """The slots that a prompt of this template fills whatever the corruption, in a fixed order.

        The foil's and the replacements' slots count too, so that the clean prompts of a seed do
        not depend on the corruption. An answer's or a foil's slots are those of every template.
        """
        used = {ref.slot for pattern in (template, self.answer, self.foil) for ref in refs(pattern)}
        for corruption in self.corruptions.values():
            used |= {ref.slot for ref in refs(corruption.foil)}
            for replacement in corruption.replace:
                if isinstance(replacement.source, FromSlot) and replacement.slot in used:
                    used.add(replacement.source.slot)
        return tuple(slot for slot in self.slots if slot in used)


@dataclass(frozen=True)
class PromptRow:
    """One prompt of a rows file."""

    place: str  # in the file: `line 3`
    clean: str
    corrupted: str
    answer: tuple[Target, ...]
    foil: tuple[Target, ...]


@dataclass(frozen=True)
class RowSpec:
    """Prompts that are given, row by row, in a file beside the task."""

    file: str  # as the user would find it: relative to where the task file was found
    sha256: str  # of the file's bytes
    rows: tuple[PromptRow, ...]
    form: RowForm = RowForm.OWN
    notes: tuple[str, ...] = ()  # whole sentences for the user
    frame: tuple[str, str] = ("", "")  # as in a TemplateSpec


class SpanCut(StrEnum):
    """A way to cut prompts into spans (`spans = "..."`)."""

    TOKENS = "tokens"  # every token is a span of its own


@dataclass(frozen=True)
class Stretch:
    """A span that is set by hand: from the first token of one place to the last token of another, or of the same."""

    first: Where
    last: Where

    @property
    def text(self) -> str:
        """As people read it."""
        return self.first.text if self.first == self.last else f"{self.first.text} to {self.last.text}"


@dataclass(frozen=True)
class Spec:
    """All that a task file says."""

    description: str
    source: str
    model: str  # the name of the model that the task is made for; empty: any
    prepend_bos: bool | None  # None: as the tokenizer does by itself
    metric: str
    default_corruption: str
    positions: Mapping[str, Where]
    prompts: TemplateSpec | RowSpec
    spans: Mapping[str, Stretch] | SpanCut = field(default_factory=dict)  # empty: the positions cut prompts
    chat: bool = False  # whether a prompt is the user's turn in the tokenizer's chat template
