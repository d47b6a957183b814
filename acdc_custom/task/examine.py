"""Everything that would go wrong with a task's prompts as tokens, gathered instead of raised.

Owns the findings about words, prompts and positions, for all corruptions at once. Knows nothing of models beyond their
tokenizer; what a batch would raise first is here one problem among the others.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from acdc_custom.choices import checked_seed
from acdc_custom.errors import TaskError, count
from acdc_custom.task.batch import (
    DEFAULT_N,
    beginning_of,
    given_notes,
    given_texts,
    made_texts,
    none_fits,
)
from acdc_custom.task.chat import Frame, in_chat
from acdc_custom.task.faults import Fault, Flaw
from acdc_custom.task.forms import RowForm
from acdc_custom.task.notes import chat_notes, missing_spans, text_notes, unlike_prompts
from acdc_custom.task.pattern import Ref, TextSpan, occurrences
from acdc_custom.task.prompt import Prompt, Text, read_prompt
from acdc_custom.task.selection import checked_number
from acdc_custom.task.spec import Corruption, RowSpec, TemplateSpec
from acdc_custom.task.task import Task
from acdc_custom.task.tokens import Encoder, Tokenizer, token_text
from acdc_custom.task.words import Fit, fits, needed, shortage, with_words

BEYOND_WORDS = (Flaw.POSITION, Flaw.SPAN, Flaw.SAME_ANSWER)  # what is wrong whatever words are in the slots
OF_ONE_CORRUPTION = (Flaw.LENGTH, Flaw.SAME, Flaw.SAME_ANSWER)  # the others are said once, not for each
Said = set[tuple[Flaw, str]]


@dataclass(frozen=True)
class Problem:
    """Something that would go wrong, and what to do about it."""

    what: str
    fix: str


@dataclass(frozen=True)
class CorruptionExamination:
    """The prompts of one corruption: those that can be used, and what is said of the others."""

    corruption: str
    prompts: tuple[Prompt, ...]
    replaced: tuple[str, ...]  # the words that it replaces, such as {B}#2, in the prompt's order; empty for rows
    problems: tuple[Problem, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Examination:
    """A task and a tokenizer, seen together."""

    task: Task
    seed: int
    words: tuple[Fit, ...]  # empty for rows
    examined: tuple[CorruptionExamination, ...]  # the default corruption comes first
    problems: tuple[Problem, ...]
    notes: tuple[str, ...]
    frame: Frame | None = None  # what its chat template writes around every prompt; None: it has none

    @property
    def prompts(self) -> tuple[Prompt, ...]:
        """Those of the default corruption that can be used."""
        return self.examined[0].prompts


def examine(task: Task, tokenizer: Tokenizer, n: int | None = None, seed: int = 0) -> Examination:
    """Make the prompts of every corruption, `n` or as `Task.batch` would, and note all that is wrong with them."""
    checked_number(n)
    checked_seed(seed)
    encoder = Encoder(tokenizer)
    try:
        spec, frame = in_chat(task.spec, tokenizer)
    except TaskError as error:
        problem = Problem(f"{task.file}: {error}", "")  # its text says what to do
        return Examination(
            task, seed, (), (CorruptionExamination(task.default_corruption, (), (), (), ()),), (problem,), ()
        )
    problems: list[Problem] = []
    bos: tuple[int, ...] = ()
    try:
        bos = () if frame else encoder.beginning(spec.prepend_bos)
    except TaskError:
        what = f"{task.file}: prepend_bos: this tokenizer has no beginning-of-text token"
        problems.append(Problem(what, "Write prepend_bos = false, or delete the line."))
    examined: list[CorruptionExamination] = []
    found: tuple[Fit, ...] = ()
    said: Said = set()
    notes: list[str] = []
    if isinstance(spec.prompts, RowSpec):
        found_rows, left_out = given_texts(spec.prompts, encoder, n or DEFAULT_N, seed)
        texts = [found_rows[index] for index in sorted(found_rows)]
        if texts:
            notes += given_notes(spec.prompts, len(texts), left_out)
            examined.append(_examined(task, texts, None, encoder, bos, n, said))
        else:
            notes += spec.prompts.notes
            problems.append(Problem(none_fits(spec.prompts, left_out), left_out[0].flaw.value))
            examined.append(CorruptionExamination(task.default_corruption, (), (), (), ()))
        if spec.prompts.form is RowForm.OWN:
            problems += _duplicates(texts, encoder)
        else:
            notes += _repeated(texts, encoder)
    else:
        found = tuple(fits(spec.prompts, encoder))
        problems += [Problem(f"{task.file}: {fit.blocked}", Flaw.ANSWER.value) for fit in found if fit.blocked]
        problems += _shortages(task, spec.prompts, found)
        for name in sorted(spec.prompts.corruptions, key=lambda name: name != spec.default_corruption):
            corruption = spec.prompts.corruptions[name]
            if any(fit.blocked or shortage(spec.prompts, corruption, fit) for fit in found):
                texts = made_texts(spec.prompts, corruption, task.file, n or DEFAULT_N, seed)
                examined.append(_whatever_words(task, texts, corruption, encoder, said))
                continue
            texts = made_texts(with_words(spec.prompts, found), corruption, task.file, n or DEFAULT_N, seed)
            examined.append(_examined(task, texts, corruption, encoder, bos, n, said))
    notes += [note for fit in found if (note := _at_start_note(fit))]
    notes += chat_notes(texts, frame, encoder)
    if encoder.begins_by_itself and not frame and not bos and not beginning_of(examined[0].prompts, tokenizer):
        notes.append(
            f"This tokenizer puts {token_text(tokenizer, tokenizer.bos_token_id or 0)} before every text, and the "
            "model was trained that way; the task says prepend_bos = false. Delete that line, or what is found "
            "is how the model does without."
        )
    return Examination(task, seed, found, tuple(examined), tuple(problems), tuple(notes), frame)


def _examined(
    task: Task,
    texts: list[Text],
    corruption: Corruption | None,
    encoder: Encoder,
    bos: tuple[int, ...],
    n: int | None,
    said: Said,
) -> CorruptionExamination:
    """Prompts of which any may be right."""
    prompts: list[Prompt] = []
    faults: list[Fault] = []
    places: dict[str, None] = {}
    elsewhere: list[str] = []
    for text in texts:
        prompt, wrong = read_prompt(text, task.spec.positions, task.spec.spans, task.file, encoder, bos)
        faults += wrong
        if prompt is None:
            continue
        prompts.append(prompt)
        if corruption is not None:
            replaced = dict(_replaced(text, corruption))
            places.update(dict.fromkeys(replaced))
            if not _differs_only_there(text, replaced, encoder):
                elsewhere.append(f'{text.where}: "{text.clean}" against "{text.corrupted}"')
    problems = [
        *_too_few(task, len(texts), n),
        *_grouped(faults, len(texts), said),
        *_unlike(task, texts, encoder),
    ]
    if elsewhere:
        what = f"{_of(len(elsewhere), len(texts))} the corruption changes a token beside its words: {elsewhere[0]}"
        problems.append(Problem(what, Flaw.SPLIT.value))
    notes = [*missing_spans(task.spec, prompts), *text_notes(texts, encoder)]
    if n is None and len(texts) < DEFAULT_N:
        notes.append(f"All the prompts that the task can make are used: {len(texts)}.")
    return CorruptionExamination(
        task.default_corruption if corruption is None else corruption.name,
        tuple(prompts),
        tuple(places),
        tuple(problems),
        tuple(notes),
    )


def _whatever_words(
    task: Task, texts: list[Text], corruption: Corruption, encoder: Encoder, said: Said
) -> CorruptionExamination:
    """Prompts with words that cannot be used, to see what would be wrong with any others."""
    spec = task.spec
    read = (read_prompt(text, spec.positions, spec.spans, task.file, encoder, ()) for text in texts)
    faults = [fault for _, wrong in read for fault in wrong]
    beyond = [fault for fault in faults if fault.flaw in BEYOND_WORDS]
    return CorruptionExamination(corruption.name, (), (), tuple(_grouped(beyond, len(texts), said)), ())


def _shortages(task: Task, spec: TemplateSpec, found: tuple[Fit, ...]) -> Iterator[Problem]:
    """Lists of which too few words are left, each said once: for the corruption that needs the most."""
    for fit in found:
        hungriest = max(spec.corruptions.values(), key=lambda corruption: needed(spec, corruption, fit.words.name))
        if not fit.blocked and (problem := shortage(spec, hungriest, fit)):
            fix = "Give more words that are one token each."
            if fit.only_at_start:
                fix = "Begin the template with a word: some are split only at the start, where no space comes before."
            yield Problem(f"{task.file}: {problem}", fix)


def _too_few(task: Task, made: int, n: int | None) -> Iterator[Problem]:
    if not made:
        what = f"{task.file}: no prompt can be made: the words of its slots exclude each other."
        yield Problem(what, "Give more words: within one prompt no word is used twice.")
    elif n is not None and made < n:
        what = f"{task.file}: {n} prompts were asked for, and only {made} can be made."
        yield Problem(what, f"Ask for --n {made}, or give more words or rows.")


def _grouped(faults: list[Fault], n_prompts: int, said: Said) -> Iterator[Problem]:
    """One problem for all faults of a kind, shown by the first; none for those that were said before."""
    groups: dict[tuple[Flaw, str], list[Fault]] = {}
    for fault in faults:
        groups.setdefault((fault.flaw, fault.subject), []).append(fault)
    for (flaw, subject), group in groups.items():
        if (flaw, subject) in said:
            continue
        if flaw not in OF_ONE_CORRUPTION:
            said.add((flaw, subject))
        yield Problem(f"{_of(len(group), n_prompts)}: {group[0].message}", flaw.value)


def _unlike(task: Task, texts: list[Text], encoder: Encoder) -> Iterator[Problem]:
    """Prompts that differ in length where every token is to be a span."""
    if unlike := unlike_prompts(task.spec, texts, encoder):
        yield Problem(f"{task.file}: {unlike}", "Give prompts of equal length, or set spans by hand in [spans].")


def _of(number: int, total: int) -> str:
    if total == 1:
        return "In the prompt"
    return f"In all {total} prompts" if number >= total else f"In {number} of {total} prompts"


def _duplicates(texts: list[Text], encoder: Encoder) -> Iterator[Problem]:
    """Rows that ask the same thing twice, as tokens."""
    first: dict[tuple[int, ...], Text] = {}
    for text in texts:
        before = first.setdefault(encoder.encode(text.clean).ids, text)
        if before is not text:
            what = f'{text.where}: the same clean prompt as in {before.where}: "{text.clean}"'
            yield Problem(what, "Delete one of the two, or it counts twice.")
        for what, words in (("answer", text.answer), ("foil", text.foil)):
            if len(set(words)) < len(words):
                yield Problem(f"{text.where}: {what}: a word is there twice", "Delete one of the two.")


def _repeated(texts: list[Text], encoder: Encoder) -> list[str]:
    """A note on clean prompts that are there more than once, as other projects' files may well have them."""
    repeated = len(texts) - len({encoder.encode(text.clean).ids for text in texts})
    if not repeated:
        return []
    return [f"Rows with the clean prompt of an earlier one, which are used as well: {repeated} of {len(texts)}."]


def _replaced(text: Text, corruption: Corruption) -> Iterator[tuple[str, TextSpan]]:
    """The words that the corruption replaces: as a position would name them, and where they stand."""
    seen: Counter[Ref] = Counter()
    for (ref, span), (_, nth) in zip(text.spans, occurrences(tuple(ref for ref, _ in text.spans)), strict=True):
        seen[ref] += 1
        if any(r.slot == ref.slot and r.nth in (None, nth) for r in corruption.replace):
            yield ref.text if seen[ref] == 1 else f"{ref.text}#{seen[ref]}", span


def _differs_only_there(text: Text, replaced: Mapping[str, TextSpan], encoder: Encoder) -> bool:
    clean, corrupted = encoder.encode(text.clean), encoder.encode(text.corrupted)
    there = {at for span in replaced.values() for at in clean.tokens_at(span)}
    pairs = zip(clean.ids, corrupted.ids, strict=True)
    return all(at in there for at, (token, other) in enumerate(pairs) if token != other)


def _at_start_note(fit: Fit) -> str:
    if not fit.only_at_start:
        return ""
    return (
        f"{count(len(fit.only_at_start), 'word')} of {fit.words.name} would fit with a space before: a template that "
        "begins with a word in place of the slot keeps them."
    )
