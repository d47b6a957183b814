"""The data of the attention viewer: rounded, causal, and of a bounded size."""

from __future__ import annotations

import pytest

from acdc_custom.report.attention_view import (
    MOST_HEADS,
    MOST_NUMBERS,
    AttentionData,
    AttentionHead,
    AttentionPrompt,
    what_fits,
)


def test_attention_is_rounded_to_thousandths_and_the_future_and_the_padding_are_left_out() -> None:
    prompt = AttentionPrompt("p", ("a", " b"))
    padded = [[1.0, 0.0, 9.0], [0.3334, 0.6666, 9.0], [9.0, 9.0, 9.0]]
    data = AttentionData.of([AttentionHead("a0.h1", "L0H1")], [prompt], [[padded]])
    assert data.patterns == ((((1000,), (333, 667)),),)


@pytest.mark.parametrize(
    ("n_heads", "lengths", "expected"),
    [
        (3, [10, 10], (3, 2)),
        (0, [10], (0, 0)),
        (3, [], (0, 0)),
        (1000, [4], (MOST_HEADS, 1)),
        (40, [200] * 8, (19, 1)),
        (10, [100, 100, 100, 100, 100, 100, 100, 100], (10, 7)),
        (1, [2000], (0, 0)),
    ],
)
def test_prompts_go_before_heads_when_a_page_gets_too_large(
    n_heads: int, lengths: list[int], expected: tuple[int, int]
) -> None:
    assert what_fits(n_heads, lengths) == expected
    heads, prompts = expected
    assert heads * sum(n * (n + 1) // 2 for n in lengths[:prompts]) <= MOST_NUMBERS
