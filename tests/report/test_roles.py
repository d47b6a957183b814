"""What a page shows of a table of heads."""

from __future__ import annotations

from circuits import example_heads

from acdc_custom.export.style import ROLE_STYLES
from acdc_custom.heads.evidence import Measure, Role
from acdc_custom.report.roles import COLUMNS, roles_of


def test_the_table_has_the_circuits_heads_and_a_column_for_everything_measured() -> None:
    roles = roles_of(example_heads())
    (line,) = roles.lines
    assert (line.node, line.label, line.role) == ("a1.h0", "L1H0", Role.NAME_MOVER)
    assert [heading for heading, _ in roles.columns] == [
        COLUMNS[measure] for measure in (Measure.DIRECT_EFFECT, Measure.COPY, Measure.INDUCTION)
    ]
    assert line.numbers == (-12.25, 0.9375, 0.1)
    assert (line.looks_at, line.looks_share) == ("IO, the one", 0.5)


def test_a_panel_shows_the_evidence_and_the_legend_the_colour_of_the_picture() -> None:
    roles = roles_of(example_heads())
    panel = roles.panels["a1.h0"]
    assert panel.role == Role.NAME_MOVER and panel.about == Role.NAME_MOVER.about
    assert all(evidence.passed for evidence in panel.evidence) and len(panel.evidence) == 3
    (chip,) = roles.chips
    assert chip.colour == panel.colour == ROLE_STYLES[Role.NAME_MOVER].fill
    assert chip.meaning == "name mover: 1 head"
    assert roles.glossary == ((Role.NAME_MOVER, Role.NAME_MOVER.about),)
    assert roles.notes == ("A note.",)
