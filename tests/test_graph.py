"""Names, counts and orders of the computational graph."""

from __future__ import annotations

import random
import re

import oracle
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiny import tiny_gpt2, tiny_llama

from acdc_custom.errors import UsageError
from acdc_custom.graph import (
    EMBED,
    LOGITS,
    Edge,
    Graph,
    GraphShape,
    Place,
    Port,
    Reading,
    Receiver,
    Sender,
    Stage,
    parse_heads,
)

GPT2_SMALL = GraphShape(12, 12, 12)
SMOLLM2_135M = GraphShape(30, 9, 3)
SHAPES = [
    GPT2_SMALL,
    SMOLLM2_135M,
    GraphShape(1, 1, 1),
    GraphShape(4, 8, 1),
    GraphShape(3, 4, 2, parallel=True),
    GraphShape(2, 4, 4, has_mlp=False),
]


def test_gpt2_small_has_157_senders_and_32491_edges() -> None:
    graph = Graph(GPT2_SMALL)
    assert len(graph.senders) == 157
    assert graph.n_edges == 32_491


@pytest.mark.parametrize("shape", SHAPES)
def test_the_number_of_edges_has_a_closed_form(shape: GraphShape) -> None:
    """With H heads, G key/value heads, M = 1 if there are MLPs and P = 1 if a block is parallel, over L layers:

    each layer's H + 2G head inputs read the 1 + l (H + M) senders below, its MLP reads those and, unless parallel, its
    own H heads; the logits read all 1 + L (H + M). With T = L (L - 1) / 2 the sum of all l:
    (H + 2G + M) (L + (H + M) T) + M (1 - P) H L + 1 + L (H + M).
    """
    n, h, g, m, p = shape.n_layers, shape.n_heads, shape.n_kv_heads, int(shape.has_mlp), int(shape.parallel)
    below = n + (h + m) * n * (n - 1) // 2
    expected = (h + 2 * g + m) * below + m * (1 - p) * h * n + 1 + n * (h + m)
    graph = Graph(shape)
    assert graph.n_edges == expected == len(list(graph.edges())) == len(set(graph.edges()))


def test_smollm2_135m_has_70651_edges() -> None:
    assert Graph(SMOLLM2_135M).n_edges == 70_651


def test_senders_and_receivers_are_read_with_their_span() -> None:
    for written in ("a9.h6@END", "L9H6@END", "9.6 @ END"):
        assert Place.read(written) == Place(Sender(9, Stage.HEAD, 6), "END")
        assert str(Reading.read(written.replace("6", "6.q"))) == "a9.h6.q@END"
    assert Place.read("MLP 3@S1..S2").label == "MLP 3@S1..S2" and str(Place.read("m3")) == "m3"
    assert Reading.of(LOGITS) == Reading.read("logits") and Place.of(EMBED) == Place.read("embed")
    for cls, written, message in (
        (Place, "L9X@END", '"L9X@END" is not a sender'),
        (Place, "a9.h6@", '"a9.h6@" names no span after its @. Write it as a9.h6@END'),
        (Reading, "a9.h6@END", '"a9.h6@END" is not a receiver'),
        (Reading, "m3@ ", '"m3@" names no span after its @. Write it as a9.h6.q@END'),
    ):
        with pytest.raises(UsageError, match=re.escape(message)):
            cls.read(written)


@pytest.mark.parametrize("shape", SHAPES)
def test_every_name_is_parsed_back(shape: GraphShape) -> None:
    graph = Graph(shape)
    assert all(Sender.parse(str(sender)) == sender for sender in graph.senders)
    assert all(Receiver.parse(str(receiver)) == receiver for receiver in graph.receivers)


@pytest.mark.parametrize("name", ["", "a1", "a1.h2.q", "A1.h2", "a1.h-2", "m", "m1.q", "logits", "embed ", "a1.h٣x"])
def test_what_is_no_sender_is_refused_with_examples(name: str) -> None:
    with pytest.raises(UsageError, match=r"is not a sender\. Senders are called embed, a9\.h6 or m3"):
        Sender.parse(name)


@pytest.mark.parametrize("name", ["", "a1.h2", "a1.kv2.q", "embed", "a1.h2.z", "logits.q"])
def test_what_is_no_receiver_is_refused_with_examples(name: str) -> None:
    with pytest.raises(UsageError, match=r"is not a receiver. Receivers are called logits, m3, a9.h6.q"):
        Receiver.parse(name)


def test_people_read_layer_and_head() -> None:
    assert [s.label for s in (EMBED, Sender(9, Stage.HEAD, 6), Sender(3, Stage.MLP))] == ["embed", "L9H6", "MLP 3"]


@pytest.mark.parametrize("model", [tiny_gpt2(0, 3), tiny_llama(0, 2)])
def test_receivers_and_senders_are_visited_in_the_original_order(model) -> None:  # type: ignore[no-untyped-def]
    order = [(str(r), [str(s) for s in model.graph.senders_to(r)]) for r in model.graph.receivers]
    assert order == list(oracle.visiting_order(model.weights))


def test_senders_sort_in_topological_order_whatever_their_kind() -> None:
    senders = list(Graph(SMOLLM2_135M).senders)
    shuffled = random.Random(0).sample(senders, len(senders))
    assert sorted(shuffled) == senders


def test_logits_sort_after_every_receiver() -> None:
    assert max(Graph(SMOLLM2_135M).receivers) == LOGITS


def test_key_and_value_receivers_belong_to_the_group() -> None:
    graph = Graph(SMOLLM2_135M)
    key = Receiver(5, Stage.HEAD, Port.K, 1, grouped=True)
    assert key in graph.receivers and str(key) == "a5.kv1.k"
    assert [str(node) for node in graph.nodes_of(key)] == ["a5.h3", "a5.h4", "a5.h5"]
    assert Receiver(5, Stage.HEAD, Port.K, 1) not in graph.receivers


@pytest.mark.parametrize("shape", SHAPES)
def test_inputs_of_a_node_are_the_receivers_that_name_it(shape: GraphShape) -> None:
    graph = Graph(shape)
    for node in graph.senders:
        assert set(graph.inputs_of(node)) == {r for r in graph.receivers if node in graph.nodes_of(r)}


def test_in_a_parallel_block_the_mlp_does_not_read_its_own_layers_heads() -> None:
    edge = Edge(Sender(1, Stage.HEAD, 0), Receiver(1, Stage.MLP))
    assert edge in Graph(GraphShape(2, 2, 2))
    assert edge not in Graph(GraphShape(2, 2, 2, parallel=True))


@pytest.mark.parametrize("name", ["a٣.h0", "a03.h0", "m-1", "m", "a1.h0.q.", "m" + "9" * 5000, "m1\n"])
def test_a_name_is_written_in_one_way(name: str) -> None:
    for kind in (Sender, Receiver):
        with pytest.raises(UsageError, match="is not a"):
            kind.parse(name)


def test_an_edge_upwards_only() -> None:
    graph = Graph(GPT2_SMALL)
    assert Edge(Sender(3, Stage.MLP), Receiver(4, Stage.HEAD, Port.Q, 0)) in graph
    assert Edge(Sender(4, Stage.MLP), Receiver(4, Stage.HEAD, Port.Q, 0)) not in graph
    assert Edge(Sender(12, Stage.MLP), LOGITS) not in graph


@pytest.mark.parametrize("numbers", [(0, 1, 1), (1, 0, 1), (1, 6, 4), (1, 2, 4)])
def test_impossible_shapes_are_refused(numbers: tuple[int, int, int]) -> None:
    with pytest.raises(UsageError, match="no graph has"):
        GraphShape(*numbers)


# -- names as people write them -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("L9H6", "a9.h6"), ("l9h6", "a9.h6"), ("9.6", "a9.h6"), ("a9.h6", "a9.h6"), ("A9.H6", "a9.h6"),
        (" L0H11 ", "a0.h11"), ("L9 H6", "a9.h6"), ("MLP 3", "m3"), ("mlp3", "m3"), ("M3", "m3"), ("m3", "m3"),
        ("embed", "embed"), ("Embed", "embed"),
    ],
)  # fmt: skip
def test_a_sender_is_read_in_every_form_in_which_it_is_printed(written: str, name: str) -> None:
    assert Sender.read(written) == Sender.parse(name)


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("L9H6.q", "a9.h6.q"), ("9.6.k", "a9.h6.k"), ("a9.h6.v", "a9.h6.v"), ("L9KV1.k", "a9.kv1.k"),
        ("a9.kv1.v", "a9.kv1.v"), ("MLP 3", "m3"), ("logits", "logits"), ("Logits", "logits"),
    ],
)  # fmt: skip
def test_a_receiver_is_read_in_every_form_in_which_it_is_printed(written: str, name: str) -> None:
    assert Receiver.read(written) == Receiver.parse(name)


@given(layer=st.integers(0, 200), head=st.integers(0, 200))
def test_every_label_is_read_back(layer: int, head: int) -> None:
    for sender in (Sender(layer, Stage.HEAD, head), Sender(layer, Stage.MLP), EMBED):
        assert Sender.read(sender.label) == Sender.read(str(sender)) == sender


@pytest.mark.parametrize("written", ["L9", "H6", "9", "9.6.7", "L9H06", "a9h6", "9,6", "head 6", "", "L-1H0", "L9H6.x"])
def test_anything_else_is_refused_and_quoted_as_it_was_written(written: str) -> None:
    for kind in (Sender, Receiver):
        with pytest.raises(UsageError, match=re.escape(f'"{written}" is not a {kind.__name__.lower()}')):
            kind.read(written)


@pytest.mark.parametrize("name", ["L9H6", "9.6", "MLP 3", "M3", "Embed"])
def test_files_have_one_form_only(name: str) -> None:
    with pytest.raises(UsageError, match="is not a sender"):
        Sender.parse(name)


def test_heads_are_quoted_as_they_were_written_when_they_are_none() -> None:
    assert [str(head) for head in parse_heads("L9H9, 9.6,a9.h9")] == ["a9.h6", "a9.h9"]
    with pytest.raises(UsageError, match="MLP 3 is no head"):
        parse_heads("L9H6,MLP 3")
