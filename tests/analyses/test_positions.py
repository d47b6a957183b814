"""Positions are tokens where prompts are alike, and roles where they are not."""

from __future__ import annotations

from tiny import MAX_POSITIONS, VOCAB, TinyPrompt
from tiny_task import NumberTokenizer, as_prompt

from acdc_custom.analyses.positions import PositionColumns, positions_of
from acdc_custom.engine.tokens import token_batch


def positions(*prompts: TinyPrompt) -> PositionColumns:
    made = [as_prompt(prompt) for prompt in prompts]
    tokens = token_batch(made, MAX_POSITIONS, VOCAB, "cpu")  # type: ignore[arg-type]
    return positions_of(made, tokens, NumberTokenizer())


def test_prompts_of_one_form_have_a_column_per_token() -> None:
    here = {"S1": 0}
    found = positions(
        TinyPrompt((3, 4, 5), (3, 4, 6), positions=here), TinyPrompt((7, 4, 5), (7, 4, 6), positions=here)
    )
    assert found.labels == ("S1", "w4", "w5 (END)")
    assert found.mask.int().tolist() == [[[1, 0, 0]] * 2, [[0, 1, 0]] * 2, [[0, 0, 1]] * 2]


def test_a_token_that_differs_and_has_no_name_is_counted() -> None:
    assert positions(TinyPrompt((3, 4), (9, 4)), TinyPrompt((7, 4), (9, 4))).labels == ("token 0", "w4 (END)")


def test_prompts_of_several_forms_have_a_column_per_role_in_their_usual_order_and_one_for_the_rest() -> None:
    found = positions(
        TinyPrompt((1, 2, 3, 4), (9, 2, 3, 4), positions={"S": 2, "IO": 0}, template=0),
        TinyPrompt((1, 2, 3), (9, 2, 3), positions={"S": 1, "IO": 0}, template=1),
    )
    assert found.labels == ("IO", "S", "END", "all others")
    first, second = found.mask[:, 0].int().tolist(), found.mask[:, 1].int().tolist()
    assert first == [[1, 0, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1], [0, 1, 0, 0]]
    assert second == [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 0]]


def test_a_name_that_some_prompts_lack_is_no_column() -> None:
    found = positions(
        TinyPrompt((1, 2, 3), (9, 2, 3), positions={"S": 1}, template=0), TinyPrompt((1, 2), (9, 2), template=1)
    )
    assert found.labels == ("END", "all others")


def test_a_token_of_spaces_is_shown_as_it_is_written() -> None:
    from acdc_custom.analyses.positions import token_label

    class Newlines:
        def decode(self, ids: list[int]) -> str:
            return "\n"

    assert token_label(Newlines(), 3) == "\\n"
