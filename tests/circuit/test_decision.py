"""A decision is a line: read back as it was, and refused where no search can have made it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acdc_custom.circuit.decision import Decision, Reason
from acdc_custom.errors import UsageError
from acdc_custom.graph import Graph, GraphShape

EDGES = list(Graph(GraphShape(2, 4, 2)).edges())
EFFECTS = st.floats(-1e100, 1e100)
COUNTS = st.integers(0, 10**9)
BLOCKS = st.integers(1, 10**6)
DECISIONS = st.one_of(
    st.builds(Decision, st.sampled_from(EDGES), st.booleans(), EFFECTS, EFFECTS, st.just(Reason.EVALUATED), COUNTS),
    st.builds(
        Decision, st.sampled_from(EDGES), st.just(False), EFFECTS, EFFECTS, st.just(Reason.EVALUATED), COUNTS, BLOCKS
    ),
    st.builds(
        Decision,
        st.sampled_from(EDGES),
        st.just(False),
        EFFECTS,
        EFFECTS,
        st.sampled_from([Reason.SAME, Reason.DEAD]),
        COUNTS,
    ),
    st.builds(Decision, st.sampled_from(EDGES), st.booleans(), EFFECTS, st.none(), st.just(Reason.SCORED), COUNTS),
)
EVALUATED = Decision(EDGES[0], True, 1.5, 0.1, Reason.EVALUATED, 7)


@given(DECISIONS)
def test_a_decision_is_one_line_that_reads_back_as_it_was(decision: Decision) -> None:
    line = decision.to_json()
    assert "\n" not in line
    assert Decision.from_json(line) == decision


def test_a_line_speaks_of_a_block_only_where_edges_were_removed_together() -> None:
    assert "block" not in json.loads(EVALUATED.to_json())
    together = Decision(EDGES[0], False, 1.5, 0.1, Reason.EVALUATED, 7, block=3)
    assert json.loads(together.to_json())["block"] == 3


def line(**changes: Any) -> str:
    return json.dumps(json.loads(EVALUATED.to_json()) | changes)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (line(reason="same"), "is kept although its reason is same"),
        (line(reason="dead"), "is kept although its reason is dead"),
        (line(reason="guessed"), "reason is 'guessed', expected one of: evaluated, same, dead, scored"),
        (line(metric=None), "has the metric None although its reason is evaluated"),
        (line(reason="scored"), "has the metric 0.1 although its reason is scored"),
        (line(block=2), "has the block 2, expected 1"),
        (line(kept=False, block=0), "has the block 0"),
        (line(kept=False, block=True), "has the block True"),
        (line(kept=False, block=2.0), "has the block 2.0"),
        (line(sender="x"), '"x" is not a sender'),
        (line(evaluations=1.5), "evaluations is 1.5, expected int"),
        (line(more=1), '"more" is none of them'),
        ("[]", "expected an object"),
        ("{", "Expecting"),
    ],
)
def test_a_line_that_no_search_can_have_written_is_refused(text: str, message: str) -> None:
    with pytest.raises((ValueError, TypeError, UsageError), match=message):
        Decision.from_json(text)
