"""Text -> tokens, and which token a stretch of text became.

Owns every call of the tokenizer: a Hugging Face fast tokenizer, or anything that answers like one.
Knows nothing of tasks.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

from acdc_custom.errors import TaskError, count
from acdc_custom.task.pattern import TextSpan

NEUTRAL = "The"  # a text that a word can continue: alone, some tokenizers take it for the beginning of one
NO_SUCH_TOKEN = (OverflowError, TypeError, ValueError, KeyError, IndexError)  # as different tokenizers say it


class Tokenizer(Protocol):
    """What is asked of a tokenizer; every Hugging Face tokenizer has it.

    Also read where it is there: `unk_token_id`, the token that stands for unknown text. A tokenizer that cannot say
    where its tokens lie in the text raises `NotImplementedError` when asked, or leaves `offset_mapping` away.
    """

    bos_token_id: int | None

    def __call__(self, text: str, *, add_special_tokens: bool, return_offsets_mapping: bool) -> Any:
        """`input_ids`, and `offset_mapping`: each token's (start, end) in characters."""

    def decode(self, token_ids: list[int]) -> Any:
        """The text of some tokens; empty for ids that it does not have."""


@dataclass(frozen=True)
class Encoding:
    """A text's tokens, without special ones."""

    text: str
    ids: tuple[int, ...]
    spans: tuple[tuple[int, int], ...]  # a token's span may or may not take in the space before it

    def tokens_at(self, span: TextSpan) -> tuple[int, ...]:
        """The indices of the tokens that overlap a stretch of the text."""
        return tuple(i for i, (start, end) in enumerate(self.spans) if start < span.end and end > span.start)

    def quoted(self, first: int) -> str:
        """The tokens from the `first` on, as people read them: "is" "Al" "ice"."""
        return " ".join(f'"{self.text[start:end]}"' for start, end in self.spans[first:])

    @property
    def pieces(self) -> tuple[str, ...]:
        """The text cut at its tokens, each with the space before it, whatever the tokenizer says of spaces."""
        ends = [end for _, end in self.spans]
        return tuple(self.text[start:end] for start, end in zip([0, *ends], ends, strict=False))


@dataclass(frozen=True)
class Continuation:
    """A text that continues a prompt, as the tokens that it adds."""

    text: str
    ids: tuple[int, ...]
    texts: tuple[str, ...]  # of its tokens

    @property
    def described(self) -> str:
        """`" New York" is 2 tokens (" New" " York")`."""
        tokens = " ".join(f'"{text}"' for text in self.texts)
        return f'"{self.text}" is {count(len(self.ids), "token")} ({tokens})'


def token_text(tokenizer: Tokenizer, token: int) -> str:
    """A token's text; empty for an id that the tokenizer does not have, such as one that only pads the embedding."""
    try:
        return str(tokenizer.decode([token]))
    except NO_SUCH_TOKEN:
        return ""


class Encoder:
    """A tokenizer, asked without special tokens and with offsets."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self.unknown_id: int | None = getattr(tokenizer, "unk_token_id", None)

    def encode(self, text: str) -> Encoding:
        """The tokens of a text."""
        try:
            output = self._tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
            spans = tuple((int(start), int(end)) for start, end in output["offset_mapping"])
        except (NotImplementedError, KeyError):  # a tokenizer in Python: ByT5, for example
            ids = tuple(self._ids(text))
            return Encoding(text, ids, self._spans_by_decoding(text, ids))
        return Encoding(text, tuple(map(int, output["input_ids"])), spans)

    def _spans_by_decoding(self, text: str, ids: tuple[int, ...]) -> tuple[tuple[int, int], ...]:
        """Where tokens lie, from how far the text comes back when they are decoded one more at a time.

        Several tokens of one letter all have its span. Raises `TaskError` if the text does not come back.
        """
        if not ids:
            return ()
        ends = [_common(text, str(self._tokenizer.decode(list(ids[: n + 1])))) for n in range(len(ids))]
        if ends[-1] < len(text.rstrip()):
            raise TaskError(
                f"{type(self._tokenizer).__name__} cannot say where its tokens lie in the text, and does not give "
                f'"{text}" back when they are decoded; use a fast one (a tokenizer.json beside the model)'
            )
        starts = [0, *ends[:-1]]
        for n in range(len(ids) - 2, -1, -1):  # bytes before the last one of their letter
            if ends[n] == starts[n]:
                ends[n] = ends[n + 1]
        return tuple(zip(starts, ends, strict=True))

    def text_of(self, token: int) -> str | None:
        """A token's text, or None if there is no such token."""
        return token_text(self._tokenizer, token) or None

    def beginning(self, wanted: bool | None) -> tuple[int, ...]:
        """The beginning-of-text token that stands before a prompt, or nothing.

        None: as the tokenizer does by itself, which is how the model was trained. Raises `TaskError` if one is wanted
        and the tokenizer has none.
        """
        bos = self._tokenizer.bos_token_id
        if wanted is None:
            return () if bos is None or not self.begins_by_itself else (bos,)
        if wanted and bos is None:
            raise TaskError("prepend_bos: this tokenizer has no beginning-of-text token; write false")
        return (bos,) if wanted and bos is not None else ()

    @cached_property
    def begins_by_itself(self) -> bool:
        """Whether the tokenizer puts its beginning-of-text token before every text (Llama 3, Gemma)."""
        bos = self._tokenizer.bos_token_id
        if bos is None:
            return False
        special, plain = self._ids(NEUTRAL, special=True), self._neutral
        return special[:1] == [bos] and special[1 : 1 + len(plain)] == plain

    def word(self, word: str) -> int | None:
        """The one token by which a word continues a text; None if it takes several, or is unknown."""
        ids = self._ids(f"{NEUTRAL} {word}")
        known = len(ids) == len(self._neutral) + 1 and ids[-1] != self.unknown_id
        return ids[-1] if known and ids[:-1] == self._neutral else None

    @cached_property
    def _neutral(self) -> list[int]:
        return self._ids(NEUTRAL)

    def _ids(self, text: str, special: bool = False) -> list[int]:
        """The tokens alone: faster, and every tokenizer can tell them."""
        output = self._tokenizer(text, add_special_tokens=special, return_offsets_mapping=False)
        return list(map(int, output["input_ids"]))

    def unknown_words(self, encoding: Encoding) -> list[str]:
        """The words that the tokenizer replaces by its unknown token."""
        spans = zip(encoding.ids, encoding.spans, strict=True)
        return [encoding.text[a:b].strip() for token, (a, b) in spans if token == self.unknown_id]

    def is_one_token(self, encoding: Encoding, span: TextSpan) -> bool:
        """Whether a stretch of text became one token of its own, and a known one."""
        at = encoding.tokens_at(span)
        if len(at) != 1 or encoding.ids[at[0]] == self.unknown_id:
            return False
        start, end = encoding.spans[at[0]]
        return encoding.text[start:end].strip() == encoding.text[span.start : span.end]

    def pieces(self, encoding: Encoding, span: TextSpan) -> str:
        """What a stretch of text became: "Al+ice"; a token that is unknown is said to be so."""
        at = encoding.tokens_at(span)
        if any(encoding.ids[i] == self.unknown_id for i in at):
            return f"{encoding.text[span.start : span.end].strip()} is unknown"
        return "+".join(encoding.text[start:end].strip() for start, end in (encoding.spans[i] for i in at)) or "nothing"

    def continuation(self, prompt: Encoding, text: str) -> Continuation | None:
        """The tokens that `text` adds to the prompt; None if it adds none or an unknown one, or changes the prompt's.

        Also None where it adds several, and would be one token with a space before it, or without: a space is missing
        then, or one too many. So it is behind a prompt that ends in a space.
        """
        longer = self.encode(prompt.text + text)
        n = len(prompt.ids)
        ids = longer.ids[n:]
        if not ids or longer.ids[:n] != prompt.ids or self.unknown_id in ids:
            return None
        if len(ids) > 1 and (prompt.text.endswith(" ") or self._respaced(prompt, text)):
            return None
        return Continuation(text, ids, longer.pieces[n:])

    def _respaced(self, prompt: Encoding, text: str) -> str:
        """The text with a space before it, or without its own, where that is one token; else empty."""
        other = text.lstrip() if text[:1].isspace() else " " + text
        ids = self.encode(prompt.text + other).ids
        known = other and len(ids) == len(prompt.ids) + 1 and ids[-1] != self.unknown_id
        return other if known and ids[:-1] == prompt.ids else ""

    def explain(self, prompt: Encoding, text: str) -> str:
        """Why `continuation` is None, with the tokens, and a hint where a space would help."""
        longer = self.encode(prompt.text + text)
        same = 0
        while same < min(len(prompt.ids), len(longer.ids)) and prompt.ids[same] == longer.ids[same]:
            same += 1
        if not longer.ids[same:]:
            problem = "is nothing to the tokenizer, which makes no token of it"
        elif longer.ids[same:] == (self.unknown_id,):
            problem = "is a word that the tokenizer does not know"
        else:
            problem = f"is not one token after the prompt; the text then ends in {longer.quoted(same)}"
        hint = ""
        if prompt.text.endswith(" "):
            hint = "; the prompt ends in a space, which belongs at the start of the answer and the foil"
        elif other := self._respaced(prompt, text):
            space = "without its" if text[:1].isspace() else "with a"
            hint = f'; {space} leading space it is one: "{other}"'
        return f'"{text}" {problem}{hint} (prompt: "{prompt.text}")'


def _common(first: str, second: str) -> int:
    """How many letters two texts have in common at their beginning."""
    n = 0
    while n < min(len(first), len(second)) and first[n] == second[n]:
        n += 1
    return n
