"""Where GPT-2 is on disk: the classes of heads of Wang et al. 2022 (arXiv 2211.00593), figure 17 and appendices."""

from __future__ import annotations

import pytest

from acdc_custom.engine.prepared import prepare_batch
from acdc_custom.graph import Sender
from acdc_custom.heads.evidence import Role
from acdc_custom.heads.find import find_roles
from acdc_custom.heads.table import HeadTable
from acdc_custom.model.open import open_model
from acdc_custom.task import load_task

CLASSES = {
    Role.NAME_MOVER: "a9.h9 a9.h6 a10.h0",
    Role.NEGATIVE_NAME_MOVER: "a10.h7 a11.h10",
    Role.S_INHIBITION: "a7.h3 a7.h9 a8.h6 a8.h10",
    Role.INDUCTION: "a5.h5 a6.h9",
    Role.DUPLICATE_TOKEN: "a0.h1 a3.h0",
    Role.PREVIOUS_TOKEN: "a2.h2 a4.h11",
}


@pytest.fixture(scope="module")
def table() -> HeadTable:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    try:
        snapshot_download("gpt2", local_files_only=True)
    except LocalEntryNotFoundError:
        pytest.skip("GPT-2 is not on disk")
    return find_roles(prepare_batch(load_task("ioi"), open_model("gpt2"), n=50))


@pytest.mark.slow
@pytest.mark.parametrize("role", CLASSES)
def test_the_classes_of_the_ioi_paper_are_found(table: HeadTable, role: Role) -> None:
    for name in CLASSES[role].split():
        row = table[Sender.parse(name)]
        assert role in (row.role, *row.also), f"{name}: {row.lines}"
