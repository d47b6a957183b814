"""The chat template of a tokenizer around a prompt, which is the user's turn; the answer begins the reply.

Owns every call of a chat template, and how a task's prompts are put into it. A template is only ever run by
transformers, in its sandbox. Knows nothing of tokens.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from acdc_custom.errors import TaskError
from acdc_custom.task.pattern import Entry, Pattern, fill
from acdc_custom.task.spec import RowSpec, Spec, TemplateSpec

SENTINEL = "PROMPT"
DATE = "26 Jul 2024"  # for templates that take one, Llama's own: prompts are not to change from day to day
NO_TEMPLATE = "chat = true: this tokenizer has no chat template. Use a chat model, or delete the line"


@dataclass(frozen=True)
class Frame:
    """What a chat template writes before and after the user's turn, up to where the reply begins."""

    before: str
    after: str
    dated: bool = False  # it writes today's date, and cannot be told another one

    def around(self, text: str) -> str:
        """A prompt in it."""
        return self.before + text + self.after


def frame_of(tokenizer: Any) -> Frame:
    """The frame of a tokenizer's chat template. Raises `TaskError` where there is none that could be used."""
    if not getattr(tokenizer, "chat_template", None):
        raise TaskError(NO_TEMPLATE)
    try:
        text, dated = _rendered(tokenizer, SENTINEL, strftime_now=""), False
    except TaskError:  # one that asks for the date cannot call a text
        text, dated = _rendered(tokenizer, SENTINEL), True
    before, found, after = text.rpartition(SENTINEL)
    if not found:
        raise TaskError("chat = true: this tokenizer's chat template does not write what the user says")
    return Frame(before, after, dated)


def _rendered(tokenizer: Any, text: str, **values: str) -> str:
    turns = [{"role": "user", "content": text}]
    try:
        return str(
            tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True, date_string=DATE, **values)
        )
    except Exception as error:  # a template may raise anything
        why = " ".join(str(error).split())
        raise TaskError(f"chat = true: this tokenizer's chat template fails: {type(error).__name__}: {why}") from None


def in_chat(spec: Spec, tokenizer: Any) -> tuple[Spec, Frame | None]:
    """The task with its prompts in the chat template, if it asks for that; and the frame.

    Raises `TaskError` if the tokenizer has no template, or one that changes a prompt.
    """
    if not spec.chat:
        return spec, None
    frame, prompts = frame_of(tokenizer), spec.prompts
    if isinstance(prompts, RowSpec):
        rows = tuple(replace(r, clean=frame.around(r.clean), corrupted=frame.around(r.corrupted)) for r in prompts.rows)
        for row in prompts.rows:
            _check(row.clean, frame, tokenizer)
            _check(row.corrupted, frame, tokenizer)
        return replace(spec, prompts=replace(prompts, rows=rows, frame=(frame.before, frame.after))), frame
    words: dict[str, Entry] = {slot: prompts.list_of(slot).rows[0] for slot in prompts.slots}
    for template in prompts.templates:
        _check(fill(template, words)[0], frame, tokenizer)
    return replace(spec, prompts=_framed(prompts, frame)), frame


def _check(text: str, frame: Frame, tokenizer: Any) -> None:
    values = {} if frame.dated else {"strftime_now": ""}
    if _rendered(tokenizer, text, **values) != frame.around(text):
        spaces = "; it takes spaces from its ends" if text != text.strip() else ""
        raise TaskError(f'chat = true: this tokenizer\'s chat template changes the prompt "{text}"{spaces}')


def _framed(prompts: TemplateSpec, frame: Frame) -> TemplateSpec:
    templates = tuple(_joined((frame.before, *template, frame.after)) for template in prompts.templates)
    return replace(prompts, templates=templates, frame=(frame.before, frame.after))


def _joined(pattern: Pattern) -> Pattern:
    """The same text, with no empty piece and no two literal ones side by side."""
    joined: list[Any] = []
    for piece in pattern:
        if joined and isinstance(piece, str) and isinstance(joined[-1], str):
            joined[-1] += piece
        elif piece != "":
            joined.append(piece)
    return tuple(joined)
