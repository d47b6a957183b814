"""A picture with a table of heads: colours, marks, legend and tooltips; without one it is as it always was."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest
from circuits import EDGES, circuit_of, example_heads

from acdc_custom.export.dot import to_dot
from acdc_custom.export.picture import draw
from acdc_custom.export.style import INK, ROLE_STYLES
from acdc_custom.graph import GraphShape
from acdc_custom.heads.evidence import Role

CIRCUIT = circuit_of(GraphShape(2, 4, 2), {**EDGES, ("a1.h1", "logits"): 0.1})


def nodes(dot: str) -> dict[str, str]:
    return {line.split('"')[1]: line for line in dot.splitlines() if line.startswith('\t\t"') and "[label=" in line}


def test_a_head_has_its_roles_colour_and_mark_and_its_evidence_is_in_the_tooltip() -> None:
    drawn = nodes(to_dot(CIRCUIT, heads=example_heads()))
    mover = drawn["a1.h0"]
    style = ROLE_STYLES[Role.NAME_MOVER]
    assert f'BGCOLOR="{style.fill}"' in mover and f">{style.mark}<" in mover
    tip = mover.split('tooltip="')[1].split('"')[0].split("&#10;")
    assert tip[1] == "name mover" and tip[2].startswith(
        "direct effect -12.25 % (at most -2 %, ours; 1st of 2 heads measured;"
    )
    unclassified = drawn["a1.h1"]
    assert f'BGCOLOR="{ROLE_STYLES[Role.UNCLASSIFIED].fill}"' in unclassified
    assert "unclassified: no score reaches half of its threshold" in unclassified and "- too weak" in unclassified


def test_the_legend_counts_the_drawn_heads_of_each_role() -> None:
    dot = to_dot(CIRCUIT, heads=example_heads())
    assert "name mover: 1 head&#160;" in dot and "unclassified: 1 head&#160;" in dot and "induction" not in dot


def test_without_a_table_nothing_is_coloured_by_role() -> None:
    plain = to_dot(CIRCUIT)
    assert not any(style.fill in plain for style in ROLE_STYLES.values())
    empty = replace(example_heads(), rows=())
    assert to_dot(CIRCUIT, heads=empty) == plain


def test_names_of_places_are_escaped_in_tooltips(tmp_path: Path) -> None:
    table = example_heads()
    evil = replace(table.rows[0].evidence[2], at='<b>"IO" & more</b>')
    row = replace(table.rows[0], evidence=(evil,))
    path = draw(CIRCUIT, tmp_path / "x.svg", heads=replace(table, rows=(row,)))
    tips = [title.text or "" for title in ElementTree.parse(path).getroot().iter("{http://www.w3.org/2000/svg}title")]
    assert any('attention to answer (<b>"IO" & more</b>) 0.33' in tip for tip in tips)


def luminance(colour: str) -> float:
    channels = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("role", Role)
def test_every_role_has_a_colour_of_its_own_on_which_text_can_be_read(role: Role) -> None:
    fill = ROLE_STYLES[role].fill
    assert (luminance(fill) + 0.05) / (luminance(INK) + 0.05) > 4.5
    assert (
        len({style.fill for style in ROLE_STYLES.values()}) == len({s.mark for s in ROLE_STYLES.values()}) == len(Role)
    )
