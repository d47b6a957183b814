"""Prompts of a batch as text: which ones a page shows, what comes after them, and the words at named positions.

Owns the examples of a report. What the numbers are for is not known here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from torch import Tensor

from acdc_custom.files.reading import printable
from acdc_custom.report.contents import Guess, Piece, PlaceWords, PromptExample
from acdc_custom.task.batch import Prompt
from acdc_custom.task.tokens import Encoder, token_text

N_EXAMPLES = 4


def choose(prompts: Sequence[Prompt], n: int = N_EXAMPLES) -> list[int]:
    """The rows of up to `n` examples: the first of every template, then the first of all."""
    first: dict[int, int] = {}
    for row, prompt in enumerate(prompts):
        first.setdefault(prompt.template, row)
    return list(dict.fromkeys([*first.values(), *range(len(prompts))]))[:n]


def example(prompt: Prompt, tokenizer: Any, logits: Sequence[Tensor]) -> PromptExample:
    """One prompt; `logits` `[vocab]` at its end of the model, the circuit and no edges."""
    differs = [a != b for a, b in zip(prompt.clean_ids, prompt.corrupted_ids, strict=True)]
    clean, corrupted = (
        _of_text(text, list(map(Piece, pieces(text, len(ids), tokenizer, prompt.behind), differs)))
        for text, ids in ((prompt.clean, prompt.clean_ids), (prompt.corrupted, prompt.corrupted_ids))
    )
    model, circuit, empty = (guess(prompt, tokenizer, row.double()) for row in logits)
    return PromptExample(clean, corrupted, either(prompt.answer), either(prompt.foil), (model, circuit, empty))


def _of_text(text: str, found: list[Piece]) -> tuple[Piece, ...]:
    """Without a beginning-of-text token that is none of the text."""
    return tuple(found if text.startswith(found[0].text) else found[1:])


def guess(prompt: Prompt, tokenizer: Any, logits: Tensor) -> Guess:
    """What `logits` `[vocab]` say comes after a prompt."""
    probabilities = logits.softmax(0)
    likeliest = int(logits.argmax())
    answers, foils = list(prompt.answer_ids), list(prompt.foil_ids)
    return Guess(
        likeliest=text_of(tokenizer, likeliest),
        probability=float(probabilities[likeliest]),
        answer=float(probabilities[answers].sum()),
        foil=float(probabilities[foils].sum()),
        logit_diff=float(logits[answers].mean() - logits[foils].mean()),
    )


def pieces(text: str, n_tokens: int, tokenizer: Any, behind: Sequence[str] = ()) -> list[str]:
    """A prompt's tokens as stretches of its text, each with the space before it; `n_tokens` counts a first BOS, and
    those of `behind`, which are an answer's."""
    spans = Encoder(tokenizer).encode(text).spans
    ends = [0, *(max(end for _, end in spans[: place + 1]) for place in range(len(spans)))]
    found = [text[start:end] for start, end in pairwise(ends)]
    special = [text_of(tokenizer, tokenizer.bos_token_id)] if n_tokens > len(spans) + len(behind) else []
    return [*special, *found, *behind]


def words_at_places(prompts: Sequence[Prompt], tokenizer: Any) -> tuple[PlaceWords, ...]:
    """The words at every named position, in the clean prompts and in their corrupted twins."""
    found: dict[str, tuple[Counter[str], Counter[str]]] = {}
    changed: set[str] = set()
    for prompt in prompts:
        clean = pieces(prompt.clean, len(prompt.clean_ids), tokenizer, prompt.behind)
        corrupted = pieces(prompt.corrupted, len(prompt.corrupted_ids), tokenizer, prompt.behind)
        for name, at in prompt.positions.items():
            counters = found.setdefault(name, (Counter(), Counter()))
            if prompt.clean_ids[at] != prompt.corrupted_ids[at]:
                changed.add(name)
            for counter, words in zip(counters, (clean, corrupted), strict=True):
                counter[printable(words[at]).strip() or "(a space)"] += 1
    return tuple(
        PlaceWords(name, _by_count(clean), _by_count(corrupted), name in changed)
        for name, (clean, corrupted) in found.items()
    )


def _by_count(words: Counter[str]) -> tuple[tuple[str, int], ...]:
    return tuple(sorted(words.items(), key=lambda item: (-item[1], item[0])))


def either(texts: Sequence[str]) -> str:
    """`Sarah`, or `large / big` where several words are right."""
    return " / ".join(text.strip() for text in texts)


def text_of(tokenizer: Any, token: int | None) -> str:
    """A token as text."""
    return "" if token is None else token_text(tokenizer, token).strip()
