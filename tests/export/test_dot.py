"""What is drawn of a circuit, read back from its DOT text."""

from __future__ import annotations

import html
import math
import re
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import pygraphviz
import pytest

from acdc_custom.circuit.circuit import Circuit
from acdc_custom.errors import UsageError
from acdc_custom.export.caption import scale
from acdc_custom.export.dot import drawn_node, to_dot
from acdc_custom.export.selection import DEFAULT_MAX_EDGES, select
from acdc_custom.export.style import THINNEST, WIDEST, escape, width
from acdc_custom.graph import Stage

Make = Callable[..., Circuit]


def drawn_edges(dot: str) -> list[str]:
    """The edges of the circuit in the text, by the names in their tooltips."""
    return re.findall(r'tooltip="(\S+) → (\S+): effect', dot)


def drawn_nodes(dot: str) -> list[str]:
    return re.findall(r'^\t\t"?([^"\s]+)"? \[label=<', dot, flags=re.MULTILINE)


def words(dot: str) -> str:
    """The text of all labels."""
    return html.unescape(re.sub(r"<[^>]*>", " ", dot))


def rows(dot: str) -> list[set[str]]:
    """The circuit's nodes at each height, from the bottom."""
    ranks = re.findall(r"^\t\{\n\t\trank=same\n\t\trow(\d+)\n((?:\t\t\S+\n)*)\t\}$", dot, flags=re.MULTILINE)
    assert [int(place) for place, _ in ranks] == list(range(len(ranks)))
    return [{name.strip('"') for name in names.split()} for _, names in ranks]


SHAPES = [
    {"n": 30},
    {"n": 300, "layers": 12, "heads": 12},
    {"n": 121, "layers": 30, "heads": 9, "kv_heads": 3},
    {"n": 30, "has_mlp": False},
    {"n": 1},
]


@pytest.mark.parametrize("shape", SHAPES)
def test_every_kept_edge_is_drawn_once(make: Make, shape: dict[str, int]) -> None:
    circuit = make(**shape)
    expected = sorted((str(kept.edge.sender), str(kept.edge.receiver)) for kept in circuit.edges)
    assert sorted(drawn_edges(to_dot(circuit))) == expected


@pytest.mark.parametrize("shape", SHAPES)
def test_only_nodes_of_the_circuit_are_drawn_and_each_has_a_row(make: Make, shape: dict[str, int]) -> None:
    circuit = make(**shape)
    dot = to_dot(circuit)
    nodes = drawn_nodes(dot)
    assert len(nodes) == len(set(nodes))
    assert set(nodes) == set().union(*rows(dot))
    ends = {str(node) for node in circuit.nodes} | {"logits"}
    for kept in circuit.edges:
        receiver = kept.edge.receiver
        ends |= {str(receiver).rpartition(".")[0]} if receiver.grouped else set()
        ends |= set() if receiver.grouped else {str(node) for node in circuit.graph.nodes_of(receiver)}
    assert set(nodes) == ends


def test_layers_rise_from_embed_to_logits_with_mlps_above_heads(make: Make) -> None:
    circuit = make(
        edges=["embed -> a0.h1.q 1", "a0.h1 -> m0 1", "a0.h2 -> m0 1", "m0 -> a2.h3.v 1", "a2.h3 -> logits 1"]
    )
    dot = to_dot(circuit)
    assert rows(dot) == [{"embed"}, {"a0.h1", "a0.h2"}, {"m0"}, {"a2.h3"}, {"logits"}]
    above = re.findall(r"^\trow(\d) -> row(\d) ", dot, flags=re.MULTILINE)
    assert above == [("0", "1"), ("1", "2"), ("2", "3"), ("3", "4")]
    assert "layer 0" in words(dot) and "layer 2" in words(dot)


def test_skipped_layers_are_named(make: Make) -> None:
    text = words(to_dot(make(layers=12, edges=["a3.h0 -> a5.h0.q 1", "a5.h0 -> logits 1"])))
    assert "layers 0 to 2: none kept" in text
    assert "layer 4: none kept" in text
    assert "layers 6 to 11: none kept" in text


def test_a_node_with_edges_out_only_or_in_only_is_drawn(make: Make) -> None:
    nodes = drawn_nodes(to_dot(make(edges=["a1.h3 -> logits 1", "m1 -> a2.h0.k 1", "embed -> m3 1"])))
    assert {"a1.h3", "m1", "a2.h0", "m3"} <= set(nodes)


def test_q_k_and_v_differ_in_colour_line_arrow_and_place(make: Make) -> None:
    dot = to_dot(make(edges=[f"embed -> a1.h0.{port} 1" for port in "qkv"] + ["embed -> m1 1"]))
    found = [
        re.search(rf'-> {target} \[arrowhead=(\w+) [^\n]*color="(#\w+)" [^\n]*style=(\w+) ', dot)
        for target in ('"a1.h0":q:s', '"a1.h0":k:s', '"a1.h0":v:s', "m1")
    ]
    looks = [match.groups() for match in found if match]
    assert len(looks) == 4
    assert len({colour for _, colour, _ in looks}) == 4
    assert len({(line, arrow) for arrow, _, line in looks[:3]}) == 3


def test_a_shared_input_is_one_node_below_the_heads_of_its_group_in_the_circuit(make: Make) -> None:
    circuit = make(
        heads=6,
        kv_heads=2,
        edges=[
            "embed -> a1.kv1.k 1",
            "m0 -> a1.kv1.v 1",
            "a1.h3 -> logits 1",
            "a1.h5 -> logits 1",
            "a1.h0 -> logits 1",
        ],
    )
    dot = to_dot(circuit)
    below, heads = rows(dot)[2:4]
    assert (below, heads) == ({"a1.kv1"}, {"a1.h0", "a1.h3", "a1.h5"})
    assert re.findall(r'^\t"a1.kv1" -> "([^"]+)"', dot, flags=re.MULTILINE) == ["a1.h3", "a1.h5"]
    assert "shared by L1H3, L1H4, L1H5" in dot


def test_the_heads_behind_a_shared_input_are_drawn_even_if_the_filter_drops_their_edges(make: Make) -> None:
    circuit = make(heads=6, kv_heads=2, edges=["embed -> a1.kv1.k 1", "a1.h3 -> logits 0.5"])
    assert set(drawn_nodes(to_dot(circuit, 1))) == {"embed", "a1.kv1", "a1.h3"}


@pytest.mark.parametrize("shape", SHAPES)
def test_graphviz_reads_nodes_edges_and_ports_as_they_are_meant(make: Make, shape: dict[str, int]) -> None:
    circuit = make(**shape)
    dot = to_dot(circuit)
    graph = pygraphviz.AGraph(string=dot)
    assert set(graph.get_subgraph("cluster_circuit").nodes()) == set(drawn_nodes(dot))
    read = {edge.attr["id"]: (*edge, edge.attr["headport"] or "") for edge in graph.edges() if edge.attr["id"]}
    assert read == {
        f"{kept.edge.sender}--{kept.edge.receiver}": (
            str(kept.edge.sender),
            drawn_node(kept.edge.receiver),
            f"{kept.edge.receiver.port}:s" if kept.edge.receiver.stage is Stage.HEAD else "",
        )
        for kept in circuit.edges
    }


def test_the_filter_keeps_the_strongest_and_says_so(make: Make) -> None:
    circuit = make(n=431, layers=12, heads=12)
    dot = to_dot(circuit, 120)
    strongest = {(str(k.edge.sender), str(k.edge.receiver)) for k in circuit.strongest(120)}
    assert set(drawn_edges(dot)) == strongest
    assert "120 of 431 edges shown, the strongest by effect" in words(dot)
    assert "431 of 32,491 edges kept" in words(dot)
    assert "none kept" not in words(dot)


def test_everything_up_to_the_default_limit_is_drawn_without_a_word_about_it(make: Make) -> None:
    whole = make(n=DEFAULT_MAX_EDGES, layers=12, heads=12)
    assert "shown" not in words(to_dot(whole))
    more = make(n=DEFAULT_MAX_EDGES + 1, layers=12, heads=12)
    assert "300 of 301 edges shown" in words(to_dot(more))


def test_an_empty_circuit_has_a_caption_and_a_sentence(make: Make) -> None:
    text = words(to_dot(make(n=0)))
    assert "0 of 1,519 edges kept" in text
    assert "No edge is in this circuit: no removal raised the metric by 0.01 nats or more." in text


def test_a_picture_of_no_edges_is_refused(make: Make) -> None:
    with pytest.raises(UsageError, match="at least 1"):
        to_dot(make(), 0)


def test_the_caption_says_what_was_asked_and_what_came_out(make: Make) -> None:
    text = words(to_dot(make(task="ioi", metric="logit-diff")))
    for fact in (
        "Circuit of ioi (switch) in demo-4l",
        "Threshold 0.01 logits",
        "minus the logit difference",
        "30 of 1,519 edges kept",
        "circuit 0.21 nats",
        "model 3.56, circuit 3.4",
    ):
        assert fact in text


def test_the_same_circuit_gives_the_same_text_in_any_order_of_its_edges(make: Make) -> None:
    circuit = make(n=121, layers=30, heads=9, kv_heads=3)
    backwards = replace(circuit, edges=tuple(reversed(circuit.edges)))
    assert to_dot(circuit) == to_dot(circuit) == to_dot(backwards)
    assert to_dot(circuit, 50) == to_dot(backwards, 50)


HOSTILE = '<script>alert("x")</script> \'\\N \\" & &lt; </TABLE>> }\x00\x1b'


def test_strings_of_users_are_escaped(make: Make) -> None:
    dot = to_dot(make(task=HOSTILE, model=HOSTILE))
    assert "<script" not in dot and "\\" not in dot
    assert "</TABLE>> }" not in dot
    assert "<script>alert" in html.unescape(dot)


@pytest.mark.parametrize("text", ["a<b>", 'q"q', "it's", "a\\", "&amp;", "αβ → 中文 🙂", "\ud800", "a\x07b"])
def test_escaped_text_is_one_safe_line_that_keeps_what_can_be_shown(text: str) -> None:
    escaped = escape(text)
    assert not set(escaped) & set("<>\"'\\\n")
    escaped.encode()
    if text.isprintable():
        assert html.unescape(escaped) == text


def test_a_name_of_ten_thousand_characters_does_not_widen_the_picture(make: Make) -> None:
    lines = re.findall(r">([^<>\n]*)<", to_dot(make(task="x" * 10_000)))
    assert max(map(len, lines)) < 120


def test_widths_grow_with_the_effect_within_their_bounds() -> None:
    widths = [width(effect, 5.0) for effect in (-1.0, 0.0, 0.01, 0.1, 1.0, 5.0)]
    assert all(a <= b for a, b in pairwise(widths))
    assert (widths[0], widths[-1]) == (THINNEST, WIDEST)
    assert all(THINNEST <= width(effect, 0.0) <= WIDEST for effect in (0.0, -1.0, math.nan, math.inf))


def test_the_width_scale_is_round_and_within_the_drawn_effects(make: Make) -> None:
    assert scale(select(make(edges=["m0 -> logits 0.012", "m1 -> logits 3"]))) == [0.02, 0.2, 2.0]
    assert scale(select(make(edges=["m0 -> logits 0.31"]))) == [0.31]
    assert scale(select(make(edges=["m0 -> logits 0"]))) == []


@pytest.mark.parametrize("effects", [("0", "0"), ("-0.1", "-0.2"), ("1e-9", "1e6")])
def test_odd_effects_can_be_drawn(make: Make, effects: tuple[str, str]) -> None:
    first, second = effects
    dot = to_dot(make(edges=[f"m0 -> logits {first}", f"m1 -> logits {second}"]))
    assert len(drawn_edges(dot)) == 2
