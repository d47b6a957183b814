"""The synthetic text that the bundled model is trained on.

Owns which kinds of text there are, in which shares and when, and which words are held out of which frame. The texts
themselves are written by `people`, `facts`, `lists` and `fillers`; nothing here knows about models or tensors.
"""

from __future__ import annotations

import dataclasses
import random
import re
from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass
from functools import cache

from acdc_custom.bundled import facts, people
from acdc_custom.bundled.fillers import NAMED, NAMELESS, filler
from acdc_custom.bundled.lists import HEADINGS, repeated, short
from acdc_custom.bundled.words import (
    ADJECTIVES,
    CAPITALS,
    CHOSEN,
    LIST_WORDS,
    NAMES,
    OBJECTS,
    PLACES,
    ROLES,
    template_spec,
)
from acdc_custom.task.find import load_task
from acdc_custom.task.spec import TemplateSpec
from acdc_custom.task.task import Task


@dataclass(frozen=True)
class HeldOut:
    """Words that no text in these templates' words has; in every other text they are as frequent as the rest."""

    task: str
    templates: tuple[int, ...]
    words: str  # which list they are from
    held_out: tuple[str, ...]

    @property
    def label(self) -> str:
        """For people: the task, and which of its templates, counted from 1."""
        n = len(template_spec(load_task(self.task)).templates)
        if len(self.templates) == n:
            return self.task
        return f"{self.task}, template {' and '.join(str(i + 1) for i in self.templates)}"


PEOPLE = ("Anna", "Tom", "Robert", "George", "Adam", "Max", "Andrew", "Edward", "Mary", "Jane")
HELD_OUT = (
    HeldOut("ioi", (0, 1, 2, 3), "names", PEOPLE),
    HeldOut("latest_s", (0,), "names", PEOPLE),
    HeldOut("earliest_s", (0,), "names", PEOPLE),
    HeldOut("antonyms", (0,), "antonyms", ("tall", "short", "wet", "dry", "loud", "quiet")),
    HeldOut("antonyms", (1,), "antonyms", ("rich", "poor", "early", "late", "clean", "dirty")),
    HeldOut(
        "induction", (0, 1, 2), "words",
        ("river", "bread", "table", "garden", "silver", "doctor", "island", "pocket", "sugar", "lion", "horse", "tree"),
    ),
)  # fmt: skip

# The tasks that the model is made for, in the order of the card.
TASKS = (
    "ioi", "latest_s", "earliest_s", "antonyms", "induction", "latest_s_2_3", "latest_s_3_2", "latest_s_3_3",
    "latest_s_words", "size_comparison", "size_in_context", "capital_city",
)  # fmt: skip
_TOKEN = re.compile(r"\w+|[^\w\s]")


def tokens(text: str) -> list[str]:
    """A text's words and punctuation marks: what the bundled model's tokenizer sees, and the marks of answers."""
    return _TOKEN.findall(text)


@cache
def vocabulary() -> tuple[str, ...]:
    """Every word of the tasks and of the texts, sorted."""
    words = {*NAMES, *PLACES, *OBJECTS, *ROLES, *CHOSEN, *ADJECTIVES, *LIST_WORDS}
    words.update(word for row in CAPITALS for word in row)
    patterns = [*NAMELESS, *NAMED, *HEADINGS, *people.PATTERNS, *facts.PATTERNS]
    for name in TASKS:
        patterns += [p for template in template_spec(load_task(name)).templates for p in template if isinstance(p, str)]
    words.update(word for pattern in patterns for word in tokens(re.sub(r"\{\w+\}", "", pattern)))
    return tuple(sorted(words))


@dataclass(frozen=True)
class Kind:
    """A kind of text."""

    write: Callable[[random.Random], str]
    share: float  # of all texts, among the kinds that have begun
    after: tuple[str, ...] = ()  # it begins when all of these have been learned, once
    before: tuple[str, ...] = NAMELESS  # sentences that may stand before it


KINDS = {
    "short lists": Kind(lambda rng: short(rng, vocabulary(), rng.choice((24, 32))), 0.5, before=()),
    "lists": Kind(
        lambda rng: repeated(rng, vocabulary(), rng.choice((16, 24, 32, 48))), 0.2, ("short lists",), before=()
    ),
    "opposites": Kind(facts.opposites, 0.12, ("short lists",), (*NAMELESS, *NAMED)),
    "capitals": Kind(facts.capitals, 0.04, ("short lists",), (*NAMELESS, *NAMED)),
    "placing": Kind(people.placing, 0.3, ("short lists",)),
    "giving, cued": Kind(people.giving_cued, 0.25, ("short lists",), (*NAMELESS, *NAMED)),
    "giving, named": Kind(people.giving_named, 0.25, ("giving, cued",), (*NAMELESS, *NAMED)),
    "giving": Kind(people.giving, 0.4, ("giving, named", "placing"), (*NAMELESS, *NAMED)),
    "choosing, cued": Kind(people.cued, 0.25, ("short lists",)),
    "choosing, named": Kind(people.named, 0.25, ("choosing, cued",)),
    "choosing": Kind(people.choosing, 0.35, ("choosing, named", "placing")),
}
LEARNED = 0.85  # share of the answers that are right, for the kinds after it to begin
KNOWN, LESS = 0.97, 0.3  # a kind with so many right answers has its share times this
MOVED = 0.3  # share of the texts that have one more sentence of filler before them
LONGEST = 62  # tokens of a text


def plain(text: str) -> str:
    """The text without the marks of answers."""
    return text.replace("*", "")


def marked(text: str) -> list[tuple[str, bool]]:
    """A text's words, and whether each is an answer."""
    found = tokens(text)
    return [(word, before == "*") for before, word in zip(["", *found], found, strict=False) if word != "*"]


def shares(right: Mapping[str, float], begun: Set[str]) -> dict[str, float]:
    """The share of each kind that has begun, by the share of answers that have been right of late."""
    return {
        name: kind.share * (LESS if right.get(name, 0.0) >= KNOWN else 1.0)
        for name, kind in KINDS.items()
        if name in begun
    }


def beginning(right: Mapping[str, float]) -> set[str]:
    """The kinds that may begin when so many of the answers of each kind are right."""
    return {name for name, kind in KINDS.items() if all(right.get(earlier, 0.0) >= LEARNED for earlier in kind.after)}


def write(name: str, rng: random.Random) -> str:
    """A text of a kind: complete sentences; a `*` before each word that is an answer."""
    kind = KINDS[name]
    text = kind.write(rng)
    while _is_held_out(text) or len(tokens(plain(text))) > LONGEST:
        text = kind.write(rng)
    # Other sentences before a text move it about, so that no word can be found by its position alone.
    while kind.before and rng.random() < MOVED:
        longer = f"{filler(rng, kind.before)} {text}"
        if len(tokens(plain(longer))) <= LONGEST and not _is_held_out(longer):
            text = longer
    return text


def held_out_tasks() -> dict[str, Task]:
    """The templates that have held-out words, filled with nothing but those."""
    tasks: dict[str, Task] = {}
    for held in HELD_OUT:
        task = load_task(held.task)
        prompts = _part(template_spec(task), held)
        tasks[held.label] = dataclasses.replace(task, spec=dataclasses.replace(task.spec, prompts=prompts))
    return tasks


def _part(spec: TemplateSpec, held: HeldOut) -> TemplateSpec:
    """The templates that have held-out words, and of their list the rows of held-out words."""
    whole = spec.words[held.words]
    rows = tuple(row for row in whole.rows if set(held.held_out).issuperset(row))
    return dataclasses.replace(
        spec,
        templates=tuple(spec.templates[i] for i in held.templates),
        words={**spec.words, held.words: dataclasses.replace(whole, rows=rows)},
    )


def frame(task: str, template: int) -> re.Pattern[str]:
    """Finds a text in a template's words, whatever its slots hold; its groups are the words in the slots."""
    pieces = template_spec(load_task(task)).templates[template]
    return re.compile("".join(re.escape(piece) if isinstance(piece, str) else r"\b(\w+)\b" for piece in pieces))


@cache
def _frames() -> tuple[tuple[re.Pattern[str], frozenset[str]], ...]:
    return tuple((frame(held.task, i), frozenset(held.held_out)) for held in HELD_OUT for i in held.templates)


def _is_held_out(text: str) -> bool:
    """Whether a held-out word stands in a slot of the frame that it is held out of, or answers it."""
    said = plain(text)
    for pattern, words in _frames():
        for found in pattern.finditer(said):
            answer = _TOKEN.search(said, found.end())
            if not words.isdisjoint(found.groups()) or (answer is not None and answer[0] in words):
                return True
    return False
