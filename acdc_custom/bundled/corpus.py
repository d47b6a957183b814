"""The synthetic text that the bundled model is trained on.

Owns which texts there are, in which shares, and which words are held out of which kind of text.
The prompts come from the built-in task files; nothing here knows about models or tensors.
"""

from __future__ import annotations

import dataclasses
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass

from acdc_custom.task.fill import Filled, fill_prompts
from acdc_custom.task.find import load_task
from acdc_custom.task.spec import Corruption, TemplateSpec
from acdc_custom.task.task import Task


@dataclass(frozen=True)
class HeldOut:
    """Words that no text of these templates has; in every other text they are as frequent as the rest."""

    task: str
    templates: tuple[int, ...]
    words: str  # which list they are from
    held_out: tuple[str, ...]

    @property
    def label(self) -> str:
        """For people: the task, and which of its templates, counted from 1."""
        return f"{self.task}, template {' and '.join(str(i + 1) for i in self.templates)}"


HELD_OUT = (
    HeldOut("latest_s", (0,), "names", ("Anna", "Tom", "Robert", "George", "Adam", "Max", "Andrew", "Edward")),
    HeldOut("ioi", (2, 3), "names", ("Mary", "Mark", "Jane", "William", "Martin", "Joseph")),
    HeldOut("antonyms", (0,), "antonyms", ("tall", "short", "wet", "dry", "loud", "quiet")),
    HeldOut("antonyms", (1,), "antonyms", ("rich", "poor", "early", "late", "clean", "dirty")),
)

SHARES = {"latest_s": 0.25, "ioi": 0.36, "antonyms": 0.24, "filler": 0.15}
MOVED = 0.5  # share of the texts that have one more sentence of filler before them
LONGEST = 60  # tokens of a text
_TOKEN = re.compile(r"\w+|[^\w\s]")


def tokens(text: str) -> list[str]:
    """A text's words and punctuation marks: what the bundled model's tokenizer sees."""
    return _TOKEN.findall(text)


def corpus(seed: int) -> Iterator[str]:
    """Training texts without end: complete sentences, one text at a time."""
    rng = random.Random(seed)
    filler = _filler(rng)
    streams = {
        "latest_s": _answered("latest_s", "switch", seed, rng),
        "ioi": _ioi(seed, rng),
        "antonyms": _answered("antonyms", "swap", seed, rng),
        "filler": filler,
    }
    while True:
        (kind,) = rng.choices(tuple(SHARES), tuple(SHARES.values()))
        text = next(streams[kind])
        # Other sentences before a text move it about, so that no word can be found by its position alone.
        while rng.random() < MOVED and len(tokens(longer := f"{next(filler)} {text}")) <= LONGEST:
            text = longer
        yield text


def vocabulary() -> tuple[str, ...]:
    """Every word of the three tasks and of the filler, sorted."""
    words: set[str] = set()
    for name in SHARES:
        if name != "filler":
            spec = template_spec(load_task(name))
            for template in spec.templates:
                words.update(word for piece in template if isinstance(piece, str) for word in tokens(piece))
            words.update(word for words_of in spec.words.values() for row in words_of.rows for word in row)
    words.update(word for pattern in FILLER for word in tokens(re.sub(r"\{\w+\}", "", pattern)))
    return tuple(sorted(words))


def template_spec(task: Task) -> TemplateSpec:
    """The templates of a built-in task."""
    assert isinstance(task.spec.prompts, TemplateSpec)
    return task.spec.prompts


def held_out_tasks() -> dict[str, Task]:
    """The templates that have held-out words, filled with nothing but those."""
    tasks: dict[str, Task] = {}
    for held in HELD_OUT:
        task = load_task(held.task)
        prompts = _part(template_spec(task), held, set(held.held_out))
        tasks[held.label] = dataclasses.replace(task, spec=dataclasses.replace(task.spec, prompts=prompts))
    return tasks


def _part(spec: TemplateSpec, held: HeldOut, allowed: set[str]) -> TemplateSpec:
    """The templates that have held-out words, and of their list the rows of allowed words."""
    whole = spec.words[held.words]
    return dataclasses.replace(
        spec,
        templates=tuple(spec.templates[i] for i in held.templates),
        words={
            **spec.words,
            held.words: dataclasses.replace(whole, rows=tuple(r for r in whole.rows if allowed.issuperset(r))),
        },
    )


def _prompts(name: str, corruption: str, seed: int, rng: random.Random) -> Iterator[Filled]:
    """Prompts of a task without end, no held-out word among them; a prompt may come back."""
    spec = template_spec(load_task(name))
    parts: list[TemplateSpec] = []
    rest = set(range(len(spec.templates)))
    for held in HELD_OUT:
        if held.task == name:
            every = {word for row in spec.words[held.words].rows for word in row}
            parts.append(_part(spec, held, every - set(held.held_out)))
            rest -= set(held.templates)
    if rest:
        parts.append(dataclasses.replace(spec, templates=tuple(spec.templates[i] for i in sorted(rest))))
    streams = [_endless(part, part.corruptions[corruption], seed) for part in parts]
    weights = [len(part.templates) for part in parts]
    while True:
        (stream,) = rng.choices(streams, weights)
        yield next(stream)


def _endless(spec: TemplateSpec, corruption: Corruption, seed: int) -> Iterator[Filled]:
    """Seed after seed, so that prompts never run out."""
    rng = random.Random(seed)
    while True:
        yield from fill_prompts(spec, corruption, rng.getrandbits(32))


def _answered(name: str, corruption: str, seed: int, rng: random.Random) -> Iterator[str]:
    for filled in _prompts(name, corruption, seed, rng):
        yield f"{filled.clean}{filled.answer}."


def _ioi(seed: int, rng: random.Random) -> Iterator[str]:
    """One text in ten is a corrupted one: three names, and one of the first two follows."""
    names = {row[0] for row in template_spec(load_task("ioi")).words["names"].rows}
    for filled in _prompts("ioi", "rename", seed, rng):
        if rng.random() < 0.1:
            present = [word for word in tokens(filled.corrupted) if word in names]
            yield f"{filled.corrupted} {rng.choice(present[:2])}."
        else:
            yield f"{filled.clean}{filled.answer}."


FILLER = (
    "{A} and {B} went to the {place}. {C} had a {object}.",
    "{A} gave a {object} to {B}. Later, {B} gave the {object} to {A}.",
    "{A} had a {adjective} {object}. {B} had a {opposite} {object}.",
    "The {object} at the {place} is {adjective}.",
    "{A} is a teacher. The teacher is {A}. {B} is a student. The student is {B}.",
    "The child is {A}. {B} is a teacher. {A} is a student.",
    "{A} found a {object} at the {place}. Then, {A} gave it to {B}.",
    "{A}, {B} and {C} were working. {A}, {B} and {C} had a long day.",
    "{A} decided to give the {adjective} {object} to {B}. {B} had it at the {place}.",
)


def _filler(rng: random.Random) -> Iterator[str]:
    ioi, antonyms = template_spec(load_task("ioi")), template_spec(load_task("antonyms"))
    names = [row[0] for row in ioi.words["names"].rows]
    while True:
        adjective, opposite = rng.choice(antonyms.words["antonyms"].rows)
        people = dict(zip("ABC", rng.sample(names, 3), strict=True))
        yield rng.choice(FILLER).format(
            **people,
            object=rng.choice(ioi.words["objects"].rows)[0],
            place=rng.choice(ioi.words["places"].rows)[0],
            adjective=adjective,
            opposite=opposite,
        )
