"""The attention viewer: prompts whose tokens are coloured by where a head looks.

    data = AttentionData.of([head], [prompt], patterns)
    Path("attention.html").write_text(attention_page(data, "Attention in demo-4l"), encoding="utf-8")

Owns the data of the viewer and its size, and the page of it alone. Knows nothing of torch, nor where the
probabilities come from.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

from acdc_custom.page.template import render

MOST_HEADS = 48
MOST_NUMBERS = 400_000  # in the page, which then holds about 1.2 MB of them
SCALE = 1000  # attention is rounded to one part in so many


@dataclass(frozen=True)
class AttentionHead:
    """A head to choose. `label` is what people read, `about` a few more words or none."""

    name: str  # a0.h4
    label: str  # L0H4
    about: str = ""


@dataclass(frozen=True)
class AttentionPrompt:
    """A prompt to choose. `tokens` are the pieces of its text, spaces included."""

    label: str
    tokens: tuple[str, ...]


@dataclass(frozen=True)
class AttentionData:
    """What the viewer shows. `patterns[head][prompt][query]` holds the keys up to the query, in thousandths."""

    heads: tuple[AttentionHead, ...]
    prompts: tuple[AttentionPrompt, ...]
    patterns: tuple[tuple[tuple[tuple[int, ...], ...], ...], ...]
    first: int = 0  # the head that is shown when a page opens

    @classmethod
    def of(
        cls, heads: Sequence[AttentionHead], prompts: Sequence[AttentionPrompt], patterns: Any, first: int = 0
    ) -> Self:
        """Round `patterns[head][prompt][query][key]`, probabilities, and leave out the padding and the future."""
        return cls(
            tuple(heads),
            tuple(prompts),
            tuple(
                tuple(
                    tuple(
                        tuple(round(float(key) * SCALE) for key in patterns[h][p][query][: query + 1])
                        for query in range(len(prompt.tokens))
                    )
                    for p, prompt in enumerate(prompts)
                )
                for h in range(len(heads))
            ),
            first,
        )

    def to_content(self) -> dict[str, Any]:
        """As a JSON object, for the page."""
        return {
            "scale": SCALE,
            "first": self.first,
            "heads": [[head.name, head.label, head.about] for head in self.heads],
            "prompts": [[prompt.label, prompt.tokens] for prompt in self.prompts],
            "patterns": self.patterns,
        }


def what_fits(n_heads: int, lengths: Sequence[int]) -> tuple[int, int]:
    """How many of the first heads and of the first prompts a page holds; `lengths` are the prompts', in tokens.

    Prompts go first, then heads. (0, 0) when not even one head fits with the first prompt.
    """
    heads, prompts = min(n_heads, MOST_HEADS), len(lengths)
    numbers = [length * (length + 1) // 2 for length in lengths]
    while prompts > 1 and heads * sum(numbers[:prompts]) > MOST_NUMBERS:
        prompts -= 1
    if prompts:
        heads = min(heads, MOST_NUMBERS // numbers[0]) if prompts == 1 else heads
    return (heads, prompts) if heads and prompts else (0, 0)


def attention_page(data: AttentionData, title: str, about: str = "") -> str:
    """The viewer as one HTML file that needs no network: `title` is its heading, `about` a sentence under it."""
    return render("attention_page.html", ("attention.js",), title=title, about=about, attention=data.to_content())
