"""A task, a tokenizer and whole prompts for tiny models; offline, and with no task file."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from tiny import TinyPrompt, random_prompts

from acdc_custom.engine.prepared import PreparedBatch, run_batch
from acdc_custom.model.model import Model
from acdc_custom.task import Batch, Task
from acdc_custom.task.batch import Prompt
from acdc_custom.task.spec import RowSpec, Spec


@dataclass(frozen=True)
class NumberTokenizer:
    """Every token is a word: 7 is `w7`, and 0 any other."""

    bos_token_id: int | None = None

    def decode(self, ids: list[int]) -> str:
        return "".join(f" w{token}" for token in ids)

    def __call__(
        self, text: str, *, add_special_tokens: bool, return_offsets_mapping: bool = False
    ) -> dict[str, list[int]]:
        return {"input_ids": [int(word[1:]) if word[1:].isdigit() else 0 for word in text.split()]}


TASK = Task(
    "tiny",
    "tiny.toml",
    Path("tiny.toml"),
    "",
    "0" * 64,
    Spec("", "", "", False, "kl", "given", {}, RowSpec("", "", ())),
)


def as_prompt(tiny: TinyPrompt) -> Prompt:
    """A whole prompt: its text is its tokens, and END is always a position."""
    clean, corrupted, answer, foil = (
        tuple(f" w{token}" for token in ids)
        for ids in (tiny.clean_ids, tiny.corrupted_ids, tiny.answer_ids, tiny.foil_ids)
    )
    behind = () if tiny.forced is None else tiny.forced.texts[:-1]
    length = len(clean) - len(behind)
    return Prompt(
        "".join(clean[:length]),
        "".join(corrupted[:length]),
        answer if tiny.forced is None else ("".join(tiny.forced.texts),),
        foil,
        tiny.clean_ids,
        tiny.corrupted_ids,
        tiny.answer_ids,
        tiny.foil_ids,
        {**tiny.positions, "END": len(tiny.clean_ids) - len(behind) - 1},
        tiny.template,
        None,
        tiny.forced,
        behind,
        () if tiny.forced is None else foil,
    )


def prepared(model: Model, prompts: list[TinyPrompt] | None = None) -> PreparedBatch:
    """These prompts on the model, or random ones of several lengths and templates."""
    batch = Batch(tuple(map(as_prompt, prompts or random_prompts(1))), "tiny", "given", 0, ())
    return run_batch(TASK, batch, replace(model, tokenizer=NumberTokenizer()))


def words_alone(n: int = 6) -> list[TinyPrompt]:
    """Prompts of one token: all of each is the span END."""
    return [TinyPrompt((3 + 2 * k,), (4 + 3 * k,), (20 + k,), (10 + k,)) for k in range(n)]
