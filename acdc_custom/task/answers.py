"""What should and should not follow a prompt, as tokens.

Owns how answers and foils become tokens, and what can be wrong with them. Answers of one token may be several, and any
of them will do. An answer of several tokens stands alone, and is asked by *teacher forcing*: its tokens but the last
follow the prompt, clean and corrupted, and each token is asked where those before it have been read. Its foils have as
many tokens, and answer and foils are told apart at the first token in which they differ. Knows nothing of models.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from acdc_custom.errors import count
from acdc_custom.task.faults import Fault, Flaw
from acdc_custom.task.forms import Target
from acdc_custom.task.tokens import Continuation, Encoder, Encoding


@dataclass(frozen=True)
class Forced:
    """An answer of several tokens."""

    ids: tuple[int, ...]
    texts: tuple[str, ...]  # of its tokens
    contrast: int  # which of its tokens is the first that differs from the foils', from 0


@dataclass(frozen=True)
class Answers:
    """What follows a prompt. The ids are those of the token by which answer and foil are told apart."""

    answer: tuple[str, ...]
    foil: tuple[str, ...]
    answer_ids: tuple[int, ...]
    foil_ids: tuple[int, ...]
    forced: Forced | None  # None: answers of one token
    foil_texts: tuple[str, ...]  # of the tokens `foil_ids`


Tokens = Mapping[tuple[int, ...], Continuation]  # by their ids: what is one in two writings counts once


def read_answers(
    where: str,
    keys: tuple[str, str],
    answer: tuple[Target, ...],
    foil: tuple[Target, ...],
    clean: Encoding,
    encoder: Encoder,
) -> tuple[Answers | None, tuple[Fault, ...]]:
    """Answers and foils behind a prompt, and all that is wrong with them; None if they cannot be asked."""
    answers, wrong_answers = _read(where, keys[0], answer, clean, encoder)
    foils, wrong_foils = _read(where, keys[1], foil, clean, encoder)
    faults = [*wrong_answers, *wrong_foils]
    if answers.keys() & foils.keys():
        what = "token" if all(len(ids) == 1 for ids in answers) else "tokens"
        message = f'{where}: answer and foil are the same {what} (prompt: "{clean.text}")'
        faults.append(Fault(Flaw.SAME_ANSWER, "", message))
    elif not faults:
        faults += _unlike(where, keys, answers, foils, clean)
    if faults:
        return None, tuple(faults)
    (first,) = [*answers.values()][:1]
    told_apart = _contrast(first.ids, next(iter(foils)))
    forced = Forced(first.ids, first.texts, told_apart) if len(first.ids) > 1 else None
    return (
        Answers(
            tuple(each.text for each in answers.values()),
            tuple(each.text for each in foils.values()),
            tuple(each.ids[told_apart] for each in answers.values()),
            tuple(dict.fromkeys(each.ids[told_apart] for each in foils.values())),
            forced,
            tuple(dict.fromkeys(each.texts[told_apart] for each in foils.values())),
        ),
        (),
    )


def _read(
    where: str, key: str, given: tuple[Target, ...], clean: Encoding, encoder: Encoder
) -> tuple[Tokens, list[Fault]]:
    """The tokens of what was given, and what is wrong with it."""
    found: dict[tuple[int, ...], Continuation] = {}
    faults: list[Fault] = []
    for target in given:
        if isinstance(target, int):
            text = encoder.text_of(target)
            if text is None:
                faults.append(Fault(Flaw.TOKEN, key, f"{where}: {key}: this tokenizer has no token {target}"))
            else:
                found.setdefault((target,), Continuation(text, (target,), (text,)))
            continue
        follows = encoder.continuation(clean, target)
        if follows is None:
            faults.append(Fault(Flaw.ANSWER, key, f"{where}: {key}: {encoder.explain(clean, target)}"))
        else:
            found.setdefault(follows.ids, follows)
    return found, faults


def _unlike(where: str, keys: tuple[str, str], answers: Tokens, foils: Tokens, clean: Encoding) -> Iterator[Fault]:
    """What is wrong with answers and foils of several tokens, each of which is right by itself."""
    longest = max(answers.values(), key=lambda each: len(each.ids))
    n = len(longest.ids)
    prompt = f'(prompt: "{clean.text}")'
    if n > 1 and len(answers) > 1:
        message = f"{where}: {keys[0]}: {longest.described}: of several answers, each has to be one token {prompt}"
        yield Fault(Flaw.SEVERAL, keys[0], message)
        return
    for foil in foils.values():
        if len(foil.ids) != n:
            lengths = f"{foil.described}, {longest.described}"
            message = f"{where}: {keys[1]}: of another length than the answer: {lengths} {prompt}"
            yield Fault(Flaw.SEVERAL, keys[1], message)
            return
    first, *others = foils.values()
    for foil in others:
        places = [_contrast(longest.ids, each.ids) + 1 for each in (first, foil)]
        if places[0] != places[1]:
            message = (
                f"{where}: {keys[1]}: foils have to differ from the answer from the same token on, and "
                f'"{first.text}" does from token {places[0]} on, "{foil.text}" from token {places[1]} {prompt}'
            )
            yield Fault(Flaw.SEVERAL, keys[1], message)
            return


def _contrast(answer: tuple[int, ...], foil: tuple[int, ...]) -> int:
    """The first token in which they differ; the first of all for alternatives of one token."""
    return next(place for place, (a, b) in enumerate(zip(answer, foil, strict=True)) if a != b)


def number_of_tokens(numbers: set[int]) -> str:
    """`2 tokens`, or `1 to 3 tokens`."""
    low, high = min(numbers), max(numbers)
    return count(low, "token") if low == high else f"{low} to {high} tokens"
