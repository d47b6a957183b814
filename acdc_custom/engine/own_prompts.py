"""Prompts of one's own as tokens, for a circuit that is run on them.

Owns the forms in which people have pairs of prompts, and what cannot be one. Nothing is asked of an answer.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from acdc_custom.choices import Ablation
from acdc_custom.engine.tokens import PromptTokens
from acdc_custom.errors import UsageError, count
from acdc_custom.files.reading import described, shortened
from acdc_custom.files.table import records_of
from acdc_custom.task.batch import Batch
from acdc_custom.task.chat import Frame
from acdc_custom.task.spans import cut
from acdc_custom.task.tokens import Encoder

NEED_CORRUPTED = (Ablation.CORRUPTED, Ablation.REFERENCE_MEAN)


@dataclass(frozen=True)
class OwnPrompt:
    """A prompt as tokens, without answers and templates."""

    clean_ids: tuple[int, ...]
    corrupted_ids: tuple[int, ...]
    answer_ids: tuple[int, ...] = ()
    foil_ids: tuple[int, ...] = ()
    template: int = 0
    forced: None = None

    @property
    def spans(self) -> tuple[str, ...]:
        """The span of each token: see `acdc_custom.task.spans.cut`."""
        return cut(self.clean_ids, self.corrupted_ids, {})


def pairs(
    prompts: Any, encoder: Encoder, begins: bool | None, frame: Frame | None, kind: Ablation
) -> Sequence[PromptTokens]:
    """Prompts as tokens: pairs, mappings, a DataFrame, texts, or a `Batch`, of whose answers of
    several tokens the one is read that tells answer and foil apart. Texts are put into `frame`, if there is
    one. Raises `UsageError` for anything else."""
    prompts = records_of(prompts)
    if isinstance(prompts, Batch):
        return prompts.at_contrast.prompts
    texts = [prompts] if isinstance(prompts, (str, Mapping)) else prompts
    if not isinstance(texts, Iterable) or not (texts := list(texts)):
        raise UsageError(f"{described(prompts)} holds no prompts. Give pairs (clean, corrupted), or texts.")
    bos = () if frame else encoder.beginning(begins)
    return [_pair(one, number, encoder, bos, frame, kind) for number, one in enumerate(texts, 1)]


def _pair(
    given: Any, number: int, encoder: Encoder, bos: tuple[int, ...], frame: Frame | None, kind: Ablation
) -> OwnPrompt:
    clean, corrupted = _two(given, number)
    if corrupted is None and kind in NEED_CORRUPTED:
        raise UsageError(
            f"prompt {number} has no corrupted twin, which the ablation {kind} needs. Give pairs (clean, corrupted), "
            'or ablation="mean" or "zero".'
        )
    both = (clean, clean if corrupted is None else corrupted)
    first, second = (encoder.encode(text if frame is None else frame.around(text)).ids for text in both)
    if not first or not clean:
        raise UsageError(f"prompt {number} is empty. Give a text.")
    if len(first) != len(second):
        raise UsageError(
            f"prompt {number} has {count(len(first), 'token')}, and its corrupted twin {len(second)}: give two of as "
            f'many tokens ("{shortened(clean, 60)}").'
        )
    own = () if first[: len(bos)] == bos else bos
    return OwnPrompt(own + first, own + second)


def _two(given: Any, number: int) -> tuple[str, str | None]:
    if isinstance(given, str):
        return given, None
    if isinstance(given, Mapping):
        given = (given.get("clean"), given.get("corrupted"))
    if isinstance(given, (tuple, list)) and len(given) == 2 and isinstance(given[0], str):
        clean, corrupted = given
        if corrupted is None or isinstance(corrupted, str):
            return clean, corrupted
    raise UsageError(f"prompt {number} is {described(given)}. Give a pair of texts (clean, corrupted), or a text.")
