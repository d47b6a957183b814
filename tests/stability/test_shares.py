"""How often something is kept is counted right."""

from __future__ import annotations

import pytest
from studies import FOUR, runs_of

from acdc_custom.circuit.members import Part
from acdc_custom.errors import UsageError
from acdc_custom.stability.shares import checked_share, shares_of

CIRCUITS = [run.circuit for run in runs_of(FOUR)]


def test_edges_nodes_and_heads_have_the_shares_that_were_counted_by_hand() -> None:
    def counted(part: Part) -> dict[str, tuple[int, float]]:
        return {str(share.member): (share.n_kept, share.effect) for share in shares_of(CIRCUITS, part)}

    assert counted(Part.EDGES) == {
        "m1 -> logits": (4, 2.0),
        "a1.h0 -> m1": (3, 0.5),
        "a1.h2 -> m1": (2, 0.25),
        "embed -> a0.kv1.k": (1, 0.5),
    }
    assert counted(Part.NODES) == {"m1": (4, 2.0), "a1.h0": (3, 0.5), "a1.h2": (2, 0.25), "embed": (1, 0.5)}
    assert list(counted(Part.HEADS)) == ["a1.h0", "a1.h2"], "the most often kept first"


def test_a_heads_effect_is_that_of_its_edges_together() -> None:
    runs = runs_of([{("a1.h0", "m1"): 0.5, ("a1.h0", "logits"): 1.0}, {("a1.h0", "m1"): 0.5}])
    (head,) = shares_of([run.circuit for run in runs], Part.HEADS)
    assert (head.n_kept, head.effect) == (2, 1.0)


def test_a_share_is_reached_by_what_is_as_often_kept() -> None:
    shares = shares_of(CIRCUITS, Part.EDGES)
    assert [sum(share.reaches(at) for share in shares) for at in (0.25, 0.26, 0.5, 0.75, 0.76, 1.0)] == [
        4,
        3,
        3,
        2,
        1,
        1,
    ]
    (seven, *_) = shares_of([run.circuit for run in runs_of([FOUR[3]] * 7 + [{}] * 3)], Part.EDGES)
    assert seven.reaches(0.7), "7 of 10, though 0.7 * 10 is a little more than 7 to a computer"
    assert seven.interval == pytest.approx((0.3968, 0.8922), abs=5e-5)


@pytest.mark.parametrize("share", [0.0, -0.5, 1.01, float("nan")])
def test_a_share_that_cannot_be_is_refused(share: float) -> None:
    with pytest.raises(UsageError, match="it must be above 0 and at most 1"):
        checked_share(share)
