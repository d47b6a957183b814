"""Compiled programs compute what plain Python says, on every prompt, and use the wires that the compiler says."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from acdc_custom.engine.metrics import MetricBatch
from acdc_custom.graph import EMBED, Edge, Graph, Sender, Stage
from acdc_custom.known.compiled import known_program, squared_distance
from acdc_custom.known.compiler import Compiled, compile_program
from acdc_custom.known.programs import PROGRAMS, Program
from acdc_custom.known.rasp import Aggregate, Map, Nearest, Places, Select, Tokens, Variable
from acdc_custom.known.trial import known_models
from acdc_custom.known.wiring import read_by
from acdc_custom.model.forward import run
from acdc_custom.model.weights import Weights

WORDS = ("a", "b", "c")


def logits(compiled: Compiled, words: tuple[str, ...], prompt: tuple[str, ...]) -> Tensor:
    """At every position, `[pos, vocab]`."""
    ids = torch.tensor([[words.index(word) for word in prompt]])
    return compiled.weights.logits(run(compiled.weights, ids).residuals[-1])[0]


def compiled_program(program: Program) -> Compiled:
    return compile_program(program.output, program.words, program.says)


@pytest.mark.parametrize("make", PROGRAMS, ids=lambda make: make.__name__)
@pytest.mark.parametrize("longest", [2, 4])
def test_a_program_says_what_it_should_after_every_prompt(make: Callable[[int], Program], longest: int) -> None:
    program = make(longest)
    compiled = compiled_program(program)
    assert len(program.examples) == len({example.prompt for example in program.examples}) > 10
    for example in program.examples:
        expected = [example.logits.get(word, 0.0) for word in program.words]
        said = logits(compiled, program.words, example.prompt)[-1]
        assert said.tolist() == pytest.approx(expected, abs=1e-12), example.prompt


def test_the_programs_have_the_nodes_of_the_papers_models() -> None:
    reverse, fraction = (compiled_program(make()) for make in PROGRAMS)
    of = {name: str(node) for name, node in reverse.node_of.items() if node != EMBED}
    assert list(of.values()) == ["a0.h0", "m0", "m1", "m2", "a3.h0"]
    assert {str(n) for n in fraction.node_of.values()} == {"embed", "m0", "a1.h0"}
    assert (reverse.graph.shape.n_layers, fraction.graph.shape.n_layers) == (4, 2)


def tokens_and_places(n: int = 4) -> tuple[Variable, Variable]:
    return Tokens("token", WORDS), Places("place", tuple(range(n)))


def test_variables_that_need_nothing_of_each_other_share_a_layer_of_heads_but_not_an_mlp() -> None:
    tokens, places = tokens_and_places()
    before = Select(places, places, lambda place, other: other == place - 1)
    same = Select(tokens, tokens, lambda word, other: word == other)
    previous = Aggregate("previous", WORDS, before, tokens)
    alike = Aggregate("alike", (), same, tokens, lambda word: float(word == "a"))
    near = Nearest("near", (0, 1), alike, {0: 0.0, 1: 1.0})
    both = Map("both", WORDS, (previous, near), lambda word, of_a: word if of_a else "c")
    compiled = compile_program(both, WORDS, WORDS)
    nodes = {name: str(node) for name, node in compiled.node_of.items()}
    assert nodes == {
        "place": "embed", "token": "embed", "previous": "a0.h0", "alike": "a0.h1", "near": "m0", "both": "m1",
    }  # fmt: skip
    said = logits(compiled, WORDS, ("b", "a", "c", "a")).argmax(-1)
    # An empty selection is of all places so far: the first place's previous word is itself.
    assert [WORDS[word] for word in said] == ["c", "b", "c", "c"]


def test_a_number_is_rounded_to_the_nearest_and_a_map_writes_nothing_for_what_cannot_be() -> None:
    tokens, places = tokens_and_places(8)
    so_far = Select(None, places, lambda _, place: True)
    share = Aggregate("share", (), so_far, tokens, lambda word: float(word == "a"))
    near = Nearest("near", ("low", "middle", "high"), share, {"low": 0.0, "high": 1.0, "middle": 0.5})
    said = Map("said", WORDS, (near, places), lambda level, _: {"low": "a", "middle": "b"}.get(level, "nothing"))
    compiled = compile_program(said, WORDS, WORDS)
    for prompt in (("b", "a", "b", "a", "a"), ("a", "a", "b", "b")):
        shares = [prompt[: place + 1].count("a") / (place + 1) for place in range(len(prompt))]
        expected = [[float(s < 0.25), float(0.25 < s < 0.75), 0.0] for s in shares]
        assert logits(compiled, WORDS, prompt).tolist() == [pytest.approx(row, abs=1e-12) for row in expected]


def joined_by_weights(graph: Graph, weights: Weights) -> set[Edge]:
    """The edges whose sender writes anything at all that their receiver reads."""

    def written(node: Sender) -> Tensor:
        if node == EMBED:
            assert weights.position_embedding is not None
            return torch.cat((weights.token_embedding, weights.position_embedding))
        block = weights.blocks[node.layer]
        if node.stage is Stage.HEAD:
            return block.attention.out[node.head]
        assert block.mlp is not None
        return block.mlp.weight_out

    return {edge for edge in graph.edges() if (written(edge.sender) @ read_by(weights, edge.receiver)).any()}


@pytest.mark.parametrize("place", range(3))
def test_the_wires_are_the_edges_that_the_weights_join(place: int) -> None:
    known = known_models(4, 0)[place]
    assert {wire.edge for wire in known.wires} == joined_by_weights(known.model.graph, known.model.weights)


@pytest.mark.parametrize("make", PROGRAMS, ids=lambda make: make.__name__)
def test_a_corrupted_twin_is_another_prompt_of_as_many_tokens(make: Callable[[], Program]) -> None:
    program = make()
    prompts = known_program(program, 1000, 1).prompts
    assert len(prompts) == len(program.examples)
    assert {p.clean_ids for p in prompts} == {tuple(map(program.words.index, e.prompt)) for e in program.examples}
    for p in prompts:
        assert len(p.clean_ids) == len(p.corrupted_ids) and p.clean_ids != p.corrupted_ids
        assert not set(p.answer_ids) & set(p.foil_ids) and p.answer_ids and p.foil_ids


def test_squared_distance_is_summed_over_the_words() -> None:
    batch = MetricBatch(torch.tensor([[1.0, 2.0], [0.0, 0.0]]), ((), ()), ((), ()))
    found = squared_distance(torch.tensor([[[1.0, 2.0], [3.0, 4.0]]]), batch)
    assert found.tolist() == [[0.0, 25.0]]
