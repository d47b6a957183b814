"""Two circuits, compared."""

from __future__ import annotations

import pytest
from circuits import EDGES
from compared import OTHER, entries_of

from acdc_custom.compare.comparison import Comparison, compare_circuits
from acdc_custom.compare.entry import Entry


@pytest.fixture
def entries() -> tuple[Entry, ...]:
    return entries_of(EDGES, OTHER)


@pytest.fixture
def comparison(entries: tuple[Entry, ...]) -> Comparison:
    return compare_circuits(entries, draws=20)
