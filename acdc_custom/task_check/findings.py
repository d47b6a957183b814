"""What a task does on a model, in numbers, and what that means for a search.

Owns the findings and the limits from which on they are problems. Knows nothing of how they were measured or are shown.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, median

from acdc_custom.task.examine import Examination, Problem

# Limits of ours; every one is said beside what it judges.
LEAST_KL = 0.1  # nats between clean and corrupted: ten times the default threshold of a search
WEAK = 0.8  # share of prompts whose answer is above the foil
UNMOVED = 0.9  # share of the logit difference that is left on the corrupted prompts
FAR_RANK = 10


@dataclass(frozen=True)
class CorruptionCheck:
    """The model on the prompts of one corruption; every tuple has one value per prompt."""

    corruption: str
    logit_diffs: tuple[float, ...]  # clean: mean logit of the answers less that of the foils
    corrupted_logit_diffs: tuple[float, ...]
    ranks: tuple[int, ...]  # of the best answer on the clean prompt; 1 is first
    first_words: tuple[str, ...]  # what the model finds likeliest on the clean prompt
    kls: tuple[float, ...]  # nats: of the clean prompt's distribution from the corrupted one's
    templates: tuple[int, ...]  # which template each prompt is from, from 0

    @property
    def logit_diff(self) -> float:
        """Mean, on the clean prompts."""
        return fmean(self.logit_diffs)

    @property
    def corrupted_logit_diff(self) -> float:
        """Mean, on the corrupted prompts."""
        return fmean(self.corrupted_logit_diffs)

    @property
    def by_template(self) -> Mapping[int, tuple[float, ...]]:
        """The clean logit differences of each template's prompts."""
        pairs = list(zip(self.templates, self.logit_diffs, strict=True))
        return {
            template: tuple(value for other, value in pairs if other == template)
            for template in sorted({*self.templates})
        }

    @property
    def kl(self) -> float:
        """Mean, in nats."""
        return fmean(self.kls)

    @property
    def correct(self) -> float:
        """Share of clean prompts whose answer is above the foil."""
        return share_above_zero(self.logit_diffs)

    @property
    def first(self) -> float:
        """Share of clean prompts whose answer is the likeliest word of all."""
        return fmean(rank == 1 for rank in self.ranks)

    @property
    def unmoved(self) -> bool:
        """Whether the corruption changes what the model says, but not what it makes of answer and foil."""
        moved = self.corrupted_logit_diff <= UNMOVED * self.logit_diff
        return self.logit_diff > 0 and self.kl >= LEAST_KL and not moved

    @property
    def said_instead(self) -> Counter[str]:
        """The likeliest words where the answer is not."""
        pairs = zip(self.first_words, self.ranks, strict=True)
        return Counter(word for word, rank in pairs if rank > 1)


@dataclass(frozen=True)
class TaskCheck:
    """A task, its prompts as tokens, and what the model does on them."""

    model: str
    examination: Examination
    tried: tuple[CorruptionCheck, ...]  # one per corruption that has prompts, the default one first
    trouble: tuple[Problem, ...]  # what came up while the model ran

    @property
    def problems(self) -> tuple[Problem, ...]:
        """All that would stop a search, or make its circuit mean nothing."""
        found = [*self.examination.problems]
        for examined in self.examination.examined:
            found += examined.problems
        weak = {one.corruption: one.kl for one in self.tried if one.kl < LEAST_KL}
        strong = {one.corruption: one.kl for one in self.tried if one.kl >= LEAST_KL}
        measured = [*self._unable(), *(_unchanged(name, kl, strong) for name, kl in weak.items())]
        return tuple(dict.fromkeys([*found, *self.trouble, *measured]))

    @property
    def notes(self) -> tuple[str, ...]:
        """What to beware of, and can be lived with."""
        notes = [*self.examination.notes]
        for examined in self.examination.examined:
            notes += examined.notes
        for names, one in self._asked():
            notes += _weaknesses(names, one)
        notes += [_unmoved(one) for one in self.tried if one.unmoved]
        return tuple(dict.fromkeys(notes))

    def _unable(self) -> Iterator[Problem]:
        for names, one in self._asked():
            if one.logit_diff <= 0:
                what = (
                    f"{names}: the model does not do this: it prefers the foil (logit difference "
                    f"{one.logit_diff:.2f}, answer above foil on {one.correct:.0%}). A circuit for it means nothing."
                )
                fix = "Try another --model, use words that it knows, or show it the rule in the prompt."
                yield Problem(what, fix)
                continue
            for template, values in one.by_template.items():
                if fmean(values) <= 0:
                    what = (
                        f"{names}: the model does not do template {template + 1}: it prefers the foil "
                        f"(logit difference {fmean(values):.2f}, answer above foil on {share_above_zero(values):.0%})."
                    )
                    yield Problem(what, "Delete that template, or reword it: the circuit would be about a mixture.")

    def _asked(self) -> Iterator[tuple[str, CorruptionCheck]]:
        """What was asked on the clean prompts, each once: corruptions may differ in the foil, but seldom do."""
        alike: dict[tuple[float, ...], list[CorruptionCheck]] = {}
        for one in self.tried:
            alike.setdefault(one.logit_diffs, []).append(one)
        for group in alike.values():
            yield ", ".join(one.corruption for one in group), group[0]


def share_above_zero(values: Sequence[float]) -> float:
    """The share of prompts whose answer is above the foil."""
    return fmean(value > 0 for value in values)


def _unchanged(corruption: str, kl: float, strong: dict[str, float]) -> Problem:
    what = (
        f"{corruption}: clean and corrupted hardly differ for this model: KL {kl:.3f} nats, less than {LEAST_KL:g}. "
        "With the usual threshold of 0.01 few edges can survive."
    )
    best = max(strong, key=lambda name: strong[name], default="")
    other = f"Use --corruption {best} (KL {strong[best]:.2f})" if best else "Write a corruption that changes more words"
    return Problem(what, f"{other}, or search with a smaller --threshold, such as {kl / 100:.1g}.")


def _weaknesses(names: str, one: CorruptionCheck) -> Iterator[str]:
    if one.logit_diff > 0 and one.correct < WEAK:
        yield (
            f"{names}: the answer is above the foil on {one.correct:.0%} of the prompts only; "
            f"a circuit is easier to read where it is so on {WEAK:.0%} or more."
        )
    if median(one.ranks) > FAR_RANK:
        yield (
            f"{names}: the model would say something else: the answer's median rank is {median(one.ranks):.0f}. "
            "KL looks at all words, --metric logit-diff-distance at answer and foil alone."
        )


def _unmoved(one: CorruptionCheck) -> str:
    return (
        f"{one.corruption}: on the corrupted prompts the model prefers the answer as much as before: the circuit "
        "will be about other words than answer and foil."
    )
