"""What a circuit does on prompts that its search has not seen."""

from __future__ import annotations

from typing import Any

import pytest

from acdc_custom.choices import Ablation
from acdc_custom.circuit.settings import SearchSettings
from acdc_custom.engine.prepared import prepare_batch, run_batch
from acdc_custom.engine.scores import PromptScores
from acdc_custom.errors import NoRoom
from acdc_custom.search import held_out
from acdc_custom.search.held_out import InPieces, prepare_draw
from acdc_custom.task.selection import Draw


def test_prompts_that_have_no_room_at_once_are_run_in_pieces(small_model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = SearchSettings.of(n=2, held_out=3)
    found_on = prepare_batch("ioi", small_model, settings)
    edges = list(found_on.model.graph.edges())[::3]
    whole = prepare_draw(found_on, settings, Draw.TEST)
    assert whole is not None
    sizes = []

    def run_few(task: Any, batch: Any, *rest: Any, **more: Any) -> Any:
        if len(batch.prompts) > 2:
            raise NoRoom("this search needs more than there is.", "Use fewer prompts.")
        sizes.append(len(batch.prompts))
        return run_batch(task, batch, *rest, **more)

    monkeypatch.setattr(held_out, "run_batch", run_few)
    pieces = prepare_draw(found_on, settings, Draw.TEST)
    assert isinstance(pieces, InPieces)
    same(pieces.full, whole.full)
    same(pieces.empty, whole.empty)
    same(pieces(edges), whole(edges))
    assert sizes == [2, 1] * 2
    # The mean over all prompts is another one over a piece of them.
    with pytest.raises(NoRoom):
        prepare_draw(found_on, settings.with_(ablation=Ablation.MEAN), Draw.TEST)


def same(one: PromptScores, other: PromptScores) -> None:
    assert one.kl.tolist() == pytest.approx(other.kl.tolist(), abs=1e-5)
    assert one.logit_diff.tolist() == pytest.approx(other.logit_diff.tolist(), abs=1e-5)
