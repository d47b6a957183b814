"""One prompt as tokens, and everything that can be wrong with it.

Owns `Prompt`, the text that it is made from, and what has to hold of it as tokens. Knows nothing of other prompts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

from acdc_custom.task.answers import Forced, read_answers
from acdc_custom.task.faults import BESIDE_TOKENS, Fault, Flaw
from acdc_custom.task.forms import Target
from acdc_custom.task.pattern import Ref, TextSpan, Where
from acdc_custom.task.places import find, token_name
from acdc_custom.task.spans import END, cut
from acdc_custom.task.spec import SpanCut, Stretch
from acdc_custom.task.tokens import Encoder, Encoding

__all__ = ["END", "Prompt", "Text", "read_prompt"]


@dataclass(frozen=True)
class Prompt:
    """A clean prompt, its corrupted twin of as many tokens, and what should and should not follow.

    Behind an answer of several tokens, `forced`, the tokens of both prompts go on with all of it but the last.
    """

    clean: str
    corrupted: str
    answer: tuple[str, ...]
    foil: tuple[str, ...]
    clean_ids: tuple[int, ...]
    corrupted_ids: tuple[int, ...]
    answer_ids: tuple[int, ...]  # of an answer of several tokens, the one at which the logit difference is asked
    foil_ids: tuple[int, ...]  # the same
    positions: dict[str, int]  # name -> index into clean_ids; END is always there: where the first token is asked
    template: int  # which template it was made from, from 0
    by_hand: Mapping[str, range] | None = None  # the tokens of spans that the task sets itself; None: it sets none
    forced: Forced | None = None  # an answer of several tokens; None: one of one token
    behind: tuple[str, ...] = ()  # the texts of the answer's tokens that follow the text of both prompts
    foil_texts: tuple[str, ...] = ()  # beside `forced`, of the tokens `foil_ids`

    @cached_property
    def spans(self) -> tuple[str, ...]:
        """The span that each token is in. All tokens at which the answer is read are END."""
        n_answers = 1 if self.forced is None else len(self.forced.ids)
        return cut(self.clean_ids, self.corrupted_ids, self.positions, self.by_hand, n_answers)

    @cached_property
    def at_contrast(self) -> Prompt:
        """The prompt for what is about one token of the answer: as far as where the logit difference is asked."""
        if self.forced is None:
            return self
        place = self.forced.contrast
        length = self.positions[END] + 1 + place
        return replace(
            self,
            answer=self.forced.texts[place : place + 1],
            foil=self.foil_texts,
            clean_ids=self.clean_ids[:length],
            corrupted_ids=self.corrupted_ids[:length],
            positions=self.positions | {END: length - 1},
            forced=None,
            behind=self.behind[:place],
            foil_texts=(),
        )


@dataclass(frozen=True)
class Text:
    """A prompt before it is tokenized; `where` names it in errors."""

    where: str
    keys: tuple[str, str]  # what its answer and its foil are called where they were written
    clean: str
    corrupted: str
    answer: tuple[Target, ...]
    foil: tuple[Target, ...]
    spans: tuple[tuple[Ref, TextSpan], ...]
    template: int
    frame: tuple[str, str] = ("", "")  # what the prompt has from a chat template, before and after its own text

    @property
    def own(self) -> TextSpan:
        """Its own text in the clean prompt."""
        return TextSpan(len(self.frame[0]), len(self.clean) - len(self.frame[1]))


def read_prompt(
    text: Text,
    positions: Mapping[str, Where],
    spans: Mapping[str, Stretch] | SpanCut,
    file: str,
    encoder: Encoder,
    bos: tuple[int, ...],
) -> tuple[Prompt | None, tuple[Fault, ...]]:
    """The prompt as tokens, behind `bos` unless its text begins with it; and all that is wrong with it.

    None if it cannot be asked; a position that is not found is left out, and so is a span, which is no fault.
    """
    clean, corrupted = encoder.encode(text.clean), encoder.encode(text.corrupted)
    faults = list(_faults(text, clean, corrupted, encoder))
    follows, wrong = read_answers(text.where, text.keys, text.answer, text.foil, clean, encoder)
    faults += wrong
    found = {name: find(where, text.spans, clean, text.own) for name, where in positions.items()}
    for name, at in found.items():
        if isinstance(at, str):
            message = f'{file}: positions.{name}: "{positions[name].text}" is not found; it {at} in "{text.clean}"'
            faults.append(Fault(Flaw.POSITION, name, message))
    stretches = {} if isinstance(spans, SpanCut) else _stretches(spans, text, clean)
    faults += _span_faults(stretches, file, text)
    if follows is None or any(fault.flaw not in BESIDE_TOKENS for fault in faults):
        return None, tuple(faults)
    if clean.ids[: len(bos)] == bos:  # the text itself begins with it
        bos = ()
    places = {name: len(bos) + at[0] for name, at in found.items() if not isinstance(at, str)}
    by_hand = {name: range(len(bos) + at.start, len(bos) + at.stop) for name, at in stretches.items()}
    if isinstance(spans, SpanCut):
        by_hand = _one_each(places, len(bos) + len(clean.ids))
    forced = follows.forced
    behind = () if forced is None else forced.ids[:-1]
    prompt = Prompt(
        text.clean,
        text.corrupted,
        follows.answer,
        follows.foil,
        bos + clean.ids + behind,
        bos + corrupted.ids + behind,
        follows.answer_ids,
        follows.foil_ids,
        places | {END: len(bos) + len(clean.ids) - 1},
        text.template,
        by_hand if spans else None,
        forced,
        () if forced is None else forced.texts[:-1],
        () if forced is None else follows.foil_texts,
    )
    return prompt, tuple(faults)


def _faults(text: Text, clean: Encoding, corrupted: Encoding, encoder: Encoder) -> Iterator[Fault]:
    """What is wrong with the prompt and its twin, whatever should follow them."""
    if len(clean.ids) != len(corrupted.ids):
        message = (
            f"{text.where}: clean and corrupted have to be of equal length: "
            f'"{text.clean}" has {len(clean.ids)} tokens, "{text.corrupted}" has {len(corrupted.ids)}'
        )
        yield Fault(Flaw.LENGTH, "", message)
    elif not clean.ids:
        yield Fault(Flaw.NOTHING, "", f'{text.where}: the tokenizer makes nothing of the prompt "{text.clean}"')
    elif clean.ids == corrupted.ids:
        message = f'{text.where}: clean and corrupted are the same prompt: "{text.clean}"'
        yield Fault(Flaw.SAME, "", message)
    for ref, span in text.spans:
        if not encoder.is_one_token(clean, span):
            yield Fault(Flaw.SPLIT, ref.text, f'{text.where}: {ref.text} is not one token in "{text.clean}"')


def _stretches(spans: Mapping[str, Stretch], text: Text, clean: Encoding) -> dict[str, range]:
    """The tokens of the spans that are in a prompt; none for a span that would end before it begins."""
    found: dict[str, range] = {}
    for name, stretch in spans.items():
        first, last = (find(where, text.spans, clean, text.own) for where in (stretch.first, stretch.last))
        if not isinstance(first, str) and not isinstance(last, str):
            found[name] = range(first[0], last[-1] + 1)
    return found


def _span_faults(stretches: Mapping[str, range], file: str, text: Text) -> Iterator[Fault]:
    for number, (name, own) in enumerate(stretches.items()):
        if not own:
            yield Fault(Flaw.SPAN, name, f'{file}: spans.{name}: it ends before it begins in "{text.clean}"')
        for other, before in [*stretches.items()][:number]:
            if own.start < before.stop and before.start < own.stop:
                message = f'{file}: spans.{name}: it shares tokens with the span {other} in "{text.clean}"'
                yield Fault(Flaw.SPAN, name, message)


def _one_each(places: Mapping[str, int], n_tokens: int) -> dict[str, range]:
    """Every token as a span: by the first of its names, if it has any."""
    names: dict[int, str] = {}
    for name, place in places.items():
        names.setdefault(place, name)
    return {names.get(place, token_name(place)): range(place, place + 1) for place in range(n_tokens)}
