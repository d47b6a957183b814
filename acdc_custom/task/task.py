"""A task that is ready to use: what its file says, and batches of prompts from it.

Owns the one object that the rest of the package sees of a task.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from acdc_custom.errors import TaskError
from acdc_custom.task.batch import Batch, make_batch
from acdc_custom.task.selection import DEFAULT_N, Draw, PromptSelection
from acdc_custom.task.spec import Spec, TemplateSpec
from acdc_custom.task.tokens import Tokenizer


@dataclass(frozen=True, repr=False)
class Task:
    """A task file, read and found right."""

    name: str
    file: str  # as messages name it
    path: Path
    text: str  # of the file
    sha256: str  # of the task file, and of the rows file that it names
    spec: Spec

    def __repr__(self) -> str:
        return f"<Task {self.name}: {self.description}>"

    @property
    def description(self) -> str:
        """One line for people."""
        return self.spec.description

    @property
    def source(self) -> str:
        """Where the task comes from; may be empty."""
        return self.spec.source

    @property
    def model(self) -> str:
        """The name of the model that the task is made for; empty if any may do."""
        return self.spec.model

    @property
    def prepend_bos(self) -> bool | None:
        """Whether every prompt starts with the tokenizer's beginning-of-text token; None: as the tokenizer has it."""
        return self.spec.prepend_bos

    @property
    def metric(self) -> str:
        """The metric that the file asks for, as written there."""
        return self.spec.metric

    @property
    def default_corruption(self) -> str:
        """The corruption that is used when none is named."""
        return self.spec.default_corruption

    @property
    def corruptions(self) -> tuple[str, ...]:
        """The names of all corruptions."""
        prompts = self.spec.prompts
        return tuple(prompts.corruptions) if isinstance(prompts, TemplateSpec) else (self.default_corruption,)

    @property
    def n_templates(self) -> int:
        """How many templates prompts are made from; 0 for prompts given row by row."""
        prompts = self.spec.prompts
        return len(prompts.templates) if isinstance(prompts, TemplateSpec) else 0

    def batch(
        self,
        tokenizer: Tokenizer,
        n: int | None = None,
        seed: int = 0,
        corruption: str | None = None,
        templates: str = "",
        resample: int | None = None,
        apart_from: Batch | None = None,
    ) -> Batch:
        """`n` prompts as tokens (None: 100, or as many as there are); the same seed gives the same batch.

        `templates` are the numbers of those to use, counted from 0, as in "0,2". `resample` is the seed of a bootstrap
        draw: the prompts, drawn anew with replacement. With the batch `apart_from` the new one shares no word of a
        list, or, for a task of rows, no row. Raises TaskError when the tokenizer does not fit the task or too few words
        are left, UsageError when n is below 1.
        """
        return self.select(tokenizer, PromptSelection(n, seed, corruption, templates, resample, 0), apart_from)

    def up_to(
        self,
        most: int,
        tokenizer: Tokenizer,
        seed: int = 0,
        corruption: str | None = None,
        templates: str = "",
        apart_from: Batch | None = None,
    ) -> Batch:
        """The same with as many prompts as the task can make, but no more than `most`."""
        return self.select(tokenizer, PromptSelection(None, seed, corruption, templates, held_out=0), apart_from, most)

    def select(
        self,
        tokenizer: Tokenizer,
        selection: PromptSelection,
        apart_from: Batch | None = None,
        most: int = DEFAULT_N,
        draw: Draw = Draw.SEARCH,
    ) -> Batch:
        """The prompts of a selection that are of a draw; where it gives no number, as many as there are, but no more
        than `most`.

        A draw that is not the search may be empty. See `batch` for `apart_from` and for the errors.
        """
        try:
            return make_batch(self.name, self.file, self.spec, tokenizer, selection, apart_from, most, draw)
        except TaskError as error:
            if not self.model or selection.corruption not in (None, *self.corruptions):
                raise
            raise TaskError(f"{error} (this task is made for the model {self.model})") from None
