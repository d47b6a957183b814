"""What is to be said of prompts, beyond what is wrong with one of them.

Owns the notes on prompts that can be used as they are, and what they have to have in common. Knows nothing of how they
were made.
"""

from __future__ import annotations

from collections.abc import Sequence

from acdc_custom.errors import count
from acdc_custom.task.chat import Frame
from acdc_custom.task.prompt import Prompt, Text
from acdc_custom.task.spec import SpanCut, Spec
from acdc_custom.task.tokens import Encoder


def missing_spans(spec: Spec, prompts: Sequence[Prompt]) -> list[str]:
    """Notes on the spans that a task sets and no prompt has."""
    return [
        f'spans.{name}: "{stretch.text}" is in none of the {count(len(prompts), "prompt")}.'
        for name, stretch in ({} if isinstance(spec.spans, SpanCut) else spec.spans).items()
        if prompts and not any(name in prompt.spans for prompt in prompts)
    ]


def unlike_prompts(spec: Spec, texts: Sequence[Text], encoder: Encoder) -> str:
    """What is wrong if every token is to be a span, and prompts differ in length; else empty."""
    if not isinstance(spec.spans, SpanCut) or not texts:
        return ""
    first, length = texts[0], len(encoder.encode(texts[0].clean).ids)
    for text in texts:
        if (other := len(encoder.encode(text.clean).ids)) != length:
            return (
                f'spans = "{spec.spans}": all prompts have to be of equal length: "{first.clean}" has {length} tokens, '
                f'"{text.clean}" has {other}'
            )
    return ""


def text_notes(texts: list[Text], encoder: Encoder) -> list[str]:
    """What to beware of in prompts that can be used as they are."""
    return _unknown(texts, encoder) + _glued(texts, encoder) + _by_id(texts, encoder)


def chat_notes(texts: Sequence[Text], frame: Frame | None, encoder: Encoder) -> list[str]:
    """What to beware of in prompts that stand in a chat template."""
    if frame is None:
        return []
    notes = []
    if frame.dated:
        notes.append("The chat template writes today's date: on another day, these will be other prompts.")
    for text in texts:
        for after in (*text.answer, *text.foil):
            if isinstance(after, str) and after != after.lstrip() and frame.after[-1:].isspace():
                bare = after.lstrip()
                if encoder.continuation(encoder.encode(text.clean), bare) is not None:
                    return [*notes, f'A reply mostly begins without a space: is "{bare}" meant, and not "{after}"?']
    return notes


def _unknown(texts: list[Text], encoder: Encoder) -> list[str]:
    """A note on the words that the tokenizer replaces by its unknown token."""
    both = [prompt for text in texts for prompt in (text.clean, text.corrupted)]
    words = dict.fromkeys(word for prompt in both for word in encoder.unknown_words(encoder.encode(prompt)))
    if not words:
        return []
    return [f"The tokenizer does not know these words, the model reads them all alike: {', '.join(words)}."]


def _glued(texts: list[Text], encoder: Encoder) -> list[str]:
    """A note when an answer or a foil grows together with the prompt's last word, and need not."""
    for text in texts:
        for after in (*text.answer, *text.foil):
            if isinstance(after, str) and text.clean[-1].isalnum() and after[0].isalnum():
                spaced = encoder.continuation(encoder.encode(text.clean), f" {after}")
                if spaced is not None:
                    last = text.clean.split()[-1]
                    return [f'"{after}" continues the prompt as "{last}{after}"; is its leading space missing?']
    return []


def _by_id(texts: list[Text], encoder: Encoder) -> list[str]:
    """A note where a file gives token ids: nothing tells whether they are another tokenizer's."""
    for text in texts:
        answers = [encoder.text_of(target) for target in text.answer if isinstance(target, int)]
        foils = [encoder.text_of(target) for target in text.foil if isinstance(target, int)]
        if answers:
            answer, foil = (" / ".join(map(repr, dict.fromkeys(each))) for each in (answers, foils))
            return [
                f'The file gives answers as token ids. In this tokenizer, those of "{text.clean}" are {answer}, '
                f"not {foil}; if these are odd words, the ids belong to another tokenizer."
            ]
    return []
