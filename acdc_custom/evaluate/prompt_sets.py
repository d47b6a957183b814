"""The prompts that a circuit is tried on: those it was found on, and others that it has never seen.

Owns which others there are: new prompts of the task, of other templates, of other words, of other tasks. Makes prompts;
runs nothing. What cannot be made is told in a note.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from acdc_custom.circuit.circuit import Circuit
from acdc_custom.engine.prepared import PreparedBatch
from acdc_custom.errors import TaskError, UsageError
from acdc_custom.evaluate.kinds import PromptKind
from acdc_custom.task import Batch, Task
from acdc_custom.task.spans import END
from acdc_custom.task.spec import TemplateSpec
from acdc_custom.task.tokens import Tokenizer

FEWEST = 5  # prompts of a set: fewer say nothing
MOST_TEMPLATES = 8  # that are tried one by one
FEWEST_OF_TEMPLATE = 10  # prompts of each of them, where so many can be made


@dataclass(frozen=True)
class PromptSet:
    """Prompts with a name."""

    kind: PromptKind
    name: str
    task: Task
    batch: Batch


@dataclass(frozen=True)
class PromptSets:
    """All sets, the discovery prompts first, and why others are not there."""

    sets: tuple[PromptSet, ...]
    notes: tuple[str, ...]


def prompt_sets(found_on: PreparedBatch, n: int, seed: int, also: Sequence[Task] = ()) -> PromptSets:
    """Sets of up to `n` prompts, none of which the circuit was found on.

    Raises `UsageError` for fewer than `FEWEST`, `TaskError` for a task of `also` that does not fit.
    """
    if n < FEWEST:
        raise UsageError(f"{n} new prompts were asked for: fewer than {FEWEST} say nothing.")
    maker = _Maker(found_on, n, seed)
    sets = [PromptSet(PromptKind.DISCOVERY, "discovery prompts", found_on.task, found_on.batch)]
    sets += [*maker.fresh(), *maker.templates(), *maker.words(), *(maker.of_task(task) for task in also)]
    return PromptSets(tuple(sets), tuple(maker.notes))


def spans_lacked(circuit: Circuit, sets: Sequence[PromptSet]) -> list[str]:
    """A note on each set whose prompts lack spans of a circuit in positions, whose edges there are nothing then.

    Raises `UsageError` for another task that has none of them but the last token: it would be read at that alone.
    """
    used = {kept.edge.span for kept in circuit.edges if kept.edge.span}
    notes = []
    for each in sets:
        there = {span for prompt in each.batch.prompts for span in prompt.spans}
        lacked = used - there
        if lacked and each.kind is PromptKind.TASK and used - {END} == lacked:
            raise UsageError(
                f"the circuit has edges at {', '.join(sorted(lacked))}, and no prompt of {each.name} has such a span. "
                "Give the same names to its [positions], or evaluate a circuit without positions."
            )
        if lacked:
            names = ", ".join(span.name for span in circuit.spans if span.name in lacked)
            notes.append(f"The prompts of {each.name} have no {names}: the circuit's edges there are nothing on them.")
    return notes


class _Maker:
    """Makes sets, and notes what cannot be made."""

    def __init__(self, found_on: PreparedBatch, n: int, seed: int) -> None:
        self.task, self.batch = found_on.task, found_on.batch
        self.tokenizer: Tokenizer = found_on.model.tokenizer
        self.n, self.seed = n, seed
        self.used = {prompt.clean for prompt in self.batch.prompts}
        self.notes: list[str] = []

    def fresh(self) -> Iterator[PromptSet]:
        """New prompts of the same task and the same templates."""
        yield from self._set(PromptKind.FRESH, "new prompts", self.batch.templates, self.n)

    def templates(self) -> Iterator[PromptSet]:
        """The templates that the run did not use; each by itself, if it used them all."""
        spec = self.task.spec.prompts
        count = len(spec.templates) if isinstance(spec, TemplateSpec) else 1
        used = self.batch.templates.split(",") if self.batch.templates else []
        others = [str(number) for number in range(count) if str(number) not in used]
        if used and others:
            name = f"template{'s' * (len(others) > 1)} {','.join(others)}"
            yield from self._set(PromptKind.TEMPLATE, name, ",".join(others), self.n)
        elif not used and count > 1:
            if count > MOST_TEMPLATES:
                self.notes.append(f"Of the {count} templates, the first {MOST_TEMPLATES} were tried one by one.")
            each = min(self.n, max(FEWEST_OF_TEMPLATE, self.n // count))
            for number in others[:MOST_TEMPLATES]:
                yield from self._set(PromptKind.TEMPLATE, f"template {number}", number, each)

    def words(self) -> Iterator[PromptSet]:
        """Prompts of words that the discovery prompts do not have. Rows are new in any case."""
        if not isinstance(self.task.spec.prompts, TemplateSpec):
            return
        try:
            batch = self.task.up_to(
                self.n, self.tokenizer, self.seed, self.batch.corruption, self.batch.templates, apart_from=self.batch
            )
        except TaskError as error:
            self._tell("prompts of other words", error)
            return
        if len(batch.prompts) < FEWEST:
            n = len(batch.prompts)
            self.notes.append(f"There are no prompts of other words: only {n} can be made of the words that are left.")
            return
        yield PromptSet(PromptKind.WORDS, "other words", self.task, batch)

    def of_task(self, task: Task) -> PromptSet:
        """Another task's prompts, corrupted in the same way if it knows that way."""
        corruption = self.batch.corruption if self.batch.corruption in task.corruptions else None
        batch = task.up_to(self.n, self.tokenizer, self.seed, corruption)
        return PromptSet(PromptKind.TASK, f"task {task.name}", task, batch)

    def _set(self, kind: PromptKind, name: str, templates: str, n: int) -> Iterator[PromptSet]:
        """As many prompts as there are, up to n, without those that the circuit was found on."""
        what = f"prompts of {name}" if kind is PromptKind.TEMPLATE else name
        if isinstance(self.task.spec.prompts, TemplateSpec):
            # Prompts are distinct: of so many, n are new ones if there are n.
            batch = self.task.up_to(n + len(self.used), self.tokenizer, self.seed, self.batch.corruption, templates)
            new = tuple(prompt for prompt in batch.prompts if prompt.clean not in self.used)[:n]
            batch = replace(batch, prompts=new)
        else:
            try:
                batch = self.task.up_to(n, self.tokenizer, self.seed, self.batch.corruption, apart_from=self.batch)
            except TaskError as error:
                self._tell(what, error)
                return
        if len(batch.prompts) < FEWEST:
            self.notes.append(
                f"There are no {what}: the task can make only {len(batch.prompts)} that the circuit was not found on."
            )
            return
        yield PromptSet(kind, name, self.task, batch)

    def _tell(self, what: str, error: TaskError) -> None:
        """Why there are none, and what would be a way out."""
        reason = str(error).removesuffix(".")
        self.notes.append(f"There are no {what}: {reason}. Try others with --also and a task file of your own.")
