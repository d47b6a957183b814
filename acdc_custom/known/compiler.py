"""From a program to the weights of a transformer that computes it, in the manner of Tracr (Lindner et al. 2023, arXiv
2301.05062), and to the wires that it uses.

Passes: variables in the order of their need; a node for each; a part of the residual stream for each; heads and MLPs;
the wires, from what each node was made to read and write. One-hot parts, no norms, attention so sharp that it is exact.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise, product

import torch
from torch import Tensor

from acdc_custom.graph import EMBED, LOGITS, Graph, GraphShape, Port, Receiver, Sender, Stage
from acdc_custom.known.rasp import Aggregate, Map, Nearest, Places, Tokens, Variable
from acdc_custom.known.wiring import Parts, Wire, lay_wires
from acdc_custom.model.attention import Attention, Projection
from acdc_custom.model.norm import Norm, NormKind
from acdc_custom.model.weights import Block, Mlp, Weights

SHARP = 100.0  # a score: exp(-100) is nothing beside 1, in float64 too


@dataclass(frozen=True)
class Compiled:
    """A transformer, and what is known of it."""

    graph: Graph
    weights: Weights
    node_of: dict[str, Sender]  # by the variable's name
    wires: frozenset[Wire]


def compile_program(output: Variable, words: Sequence[str], says: Sequence[str]) -> Compiled:
    """The transformer that computes `output`, whose numbers become the logits of the words that it `says`."""
    variables = ordered(output)
    nodes = allotted(variables)
    graph = Graph(shape_of(nodes))
    parts = Parts({variable.name: variable.width for variable in variables})
    (tokens,), (places,) = ([v for v in variables if isinstance(v, kind)] for kind in (Tokens, Places))
    d_model = parts.d_model
    token_embedding, position_embedding = _zeros(len(words), d_model), _zeros(len(places.values), d_model)
    token_embedding[:, parts[tokens.name]] = torch.eye(len(words), dtype=torch.float64)
    position_embedding[:, parts[places.name]] = torch.eye(len(places.values), dtype=torch.float64)
    unembedding = _zeros(len(words), d_model)
    for number, word in enumerate(says):
        unembedding[words.index(word), parts[output.name].start + number] = 1
    made = {nodes[variable]: variable for variable in variables}
    norm = Norm(NormKind.NONE, torch.ones(d_model, dtype=torch.float64), None, 0.0)
    blocks = []
    for layer in range(graph.shape.n_layers):
        heads = [made.get(Sender(layer, Stage.HEAD, head)) for head in range(graph.shape.n_heads)]
        mlp = made.get(Sender(layer, Stage.MLP))
        blocks.append(Block(norm, _attention(heads, parts, variables), norm, _mlp(mlp, parts)))
    return Compiled(
        graph=graph,
        weights=Weights(token_embedding, position_embedding, tuple(blocks), norm, unembedding, None),
        node_of={variable.name: node for variable, node in nodes.items()},
        wires=lay_wires(
            graph,
            [(node, variable.name) for variable, node in nodes.items()],
            [*_reads(nodes), (LOGITS, output.name)],
        ),
    )


def ordered(output: Variable) -> list[Variable]:
    """All that a variable is made from, each after what it needs, and the variable itself last."""
    found: list[Variable] = []

    def visit(variable: Variable) -> None:
        for needed in variable.needs:
            visit(needed)
        if variable not in found:
            found.append(variable)

    visit(output)
    return found


def allotted(variables: Sequence[Variable]) -> dict[Variable, Sender]:
    """A node for each: the embedding, the first free head or MLP after all that it needs."""
    nodes: dict[Variable, Sender] = {}
    for variable in variables:
        latest = max((nodes[needed] for needed in variable.needs), default=EMBED)
        match variable:
            case Tokens() | Places():
                nodes[variable] = EMBED
            case Aggregate():
                layer = latest.layer + 1
                n_taken = sum(node.stage is Stage.HEAD and node.layer == layer for node in nodes.values())
                nodes[variable] = Sender(layer, Stage.HEAD, n_taken)
            case _:
                node = Sender(max(latest.layer, 0), Stage.MLP)
                while node in nodes.values() or not latest < node:
                    node = Sender(node.layer + 1, Stage.MLP)
                nodes[variable] = node
    return nodes


def shape_of(nodes: dict[Variable, Sender]) -> GraphShape:
    """Layers enough for all, and heads enough for the layer that has most."""
    heads = Counter(node.layer for node in nodes.values() if node.stage is Stage.HEAD)
    n_heads = max(heads.values(), default=1)
    return GraphShape(1 + max(node.layer for node in nodes.values()), n_heads, n_heads)


def _reads(nodes: dict[Variable, Sender]) -> Iterator[tuple[Receiver, str]]:
    """Which variable each input reads."""
    for variable, node in nodes.items():
        if isinstance(variable, Aggregate):
            ports = {Port.Q: variable.select.query, Port.K: variable.select.key, Port.V: variable.of}
            for port, read in ports.items():
                if read is not None:
                    yield Receiver(node.layer, Stage.HEAD, port, node.head), read.name
        else:
            for read in variable.needs:
                yield Receiver(node.layer, Stage.MLP), read.name


def _attention(heads: Sequence[Variable | None], parts: Parts, variables: Sequence[Variable]) -> Attention:
    """One layer's heads. A head's own numbers are the values of its query; then, those of what it writes."""
    d_head = max(variable.width for variable in variables)
    query, key, value = (_zeros(len(heads), parts.d_model, d_head) for _ in range(3))
    query_bias, out = _zeros(len(heads), d_head), _zeros(len(heads), d_head, parts.d_model)
    for head, made in enumerate(heads):
        if not isinstance(made, Aggregate):
            continue  # a head that the program does not need writes nothing
        select = made.select
        if select.query is None:
            query_bias[head, 0] = 1
        else:
            _diagonal(query[head], parts[select.query.name].start, 0, select.query.width)
        for q, of_query in enumerate((None,) if select.query is None else select.query.values):
            for k, of_key in enumerate(select.key.values):
                key[head, parts[select.key.name].start + k, q] = SHARP * select.test(of_query, of_key)
        if made.number is None:
            _diagonal(value[head], parts[made.of.name].start, 0, made.of.width)
        else:
            value[head, parts[made.of.name], 0] = torch.tensor([made.number(v) for v in made.of.values]).double()
        _diagonal(out[head], 0, parts[made.name].start, made.width)
    projections = Projection(query, query_bias), Projection(key, None), Projection(value, None)
    return Attention(*projections, out, None, scale=1.0)


def _mlp(made: Variable | None, parts: Parts) -> Mlp:
    """One layer's MLP: a neuron per combination of values, or two per step between numbers."""
    match made:
        case Map():
            return _map_mlp(made, parts)
        case Nearest():
            return _nearest_mlp(made, parts)
        case _:
            return Mlp(_zeros(parts.d_model, 1), _zeros(1), None, _zeros(1, parts.d_model), None, torch.relu)


def _map_mlp(made: Map, parts: Parts) -> Mlp:
    """A neuron is 1 if all of its values are there, else 0: `relu(sum of their numbers - (how many - 1))`."""
    combinations = list(product(*(enumerate(variable.values) for variable in made.of)))
    weight_in, weight_out = _zeros(parts.d_model, len(combinations)), _zeros(len(combinations), parts.d_model)
    for neuron, combination in enumerate(combinations):
        for variable, (place, _) in zip(made.of, combination, strict=True):
            weight_in[parts[variable.name].start + place, neuron] = 1
        result = made.function(*(value for _, value in combination))
        if not made.values:
            weight_out[neuron, parts[made.name]] = result
        elif result in made.values:  # what cannot be is written nowhere
            weight_out[neuron, parts[made.name].start + made.values.index(result)] = 1
    bias = torch.full((len(combinations),), 1.0 - len(made.of), dtype=torch.float64)
    return Mlp(weight_in, bias, None, weight_out, None, torch.relu)


def _nearest_mlp(made: Nearest, parts: Parts) -> Mlp:
    """Two neurons make a step, 0 before it and 1 after it, midway between neighbouring numbers; a value is there from
    its own step to the next. The first neuron alone is always 1: the step before them all.

    A step is steep, not sheer: it rises within an eighth of the smallest gap to either side of its middle.
    """
    values = sorted(made.numbers, key=made.numbers.__getitem__)
    numbers = [made.numbers[value] for value in values]
    steep = 4 / min(after - before for before, after in pairwise(numbers))
    n_neurons = 1 + 2 * (len(values) - 1)
    weight_in, bias, weight_out = _zeros(parts.d_model, n_neurons), _zeros(n_neurons), _zeros(n_neurons, parts.d_model)
    bias[0] = 1
    targets = [parts[made.name].start + made.values.index(value) for value in values]
    weight_out[0, targets[0]] = 1
    for step, (before, after) in enumerate(pairwise(numbers)):
        for neuron, offset, sign in ((1 + 2 * step, 0.5, 1), (2 + 2 * step, -0.5, -1)):
            weight_in[parts[made.of.name], neuron] = steep
            bias[neuron] = offset - steep * (before + after) / 2
            weight_out[neuron, targets[step + 1]] = sign
            weight_out[neuron, targets[step]] = -sign
    return Mlp(weight_in, bias, None, weight_out, None, torch.relu)


def _diagonal(matrix: Tensor, row: int, column: int, n: int) -> None:
    """Ones from there on down."""
    matrix[range(row, row + n), range(column, column + n)] = 1


def _zeros(*shape: int) -> Tensor:
    return torch.zeros(*shape, dtype=torch.float64)
