"""What an evaluation found out, as plain values: nothing here computes, and nothing needs torch.

F is the mean logit difference over prompts, M the model, C the circuit, "empty" the circuit without edges.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

from acdc_custom.evaluate.kinds import Chosen, Grade, Hypothesis, PromptKind, Question, RandomBaseline, Subject
from acdc_custom.files.records import seldom
from acdc_custom.files.table import Row, Tabular
from acdc_custom.graph import Edge, Place, Sender
from acdc_custom.stats.intervals import FEWEST_DRAWS, Estimate


@dataclass(frozen=True)
class Faithfulness:
    """How near something comes to the model on some prompts."""

    logit_diff: Estimate  # F(C), in logits
    absolute: Estimate  # |F(M) - F(C)|, in logits
    # (F(C) - F(empty)) / (F(M) - F(empty)); None where it is not defined: the denominator may be zero.
    normalised: Estimate | None
    kl: Estimate  # from the model, in nats
    kl_left: Estimate | None  # the KL as a share of that of no edges; None where that may be zero
    correct: Estimate  # share of prompts whose answer has a higher logit than its foil


@dataclass(frozen=True)
class CircuitMeasurement:
    """One set of edges on one set of prompts. `subject` is a `Subject`, or the title of a method that scores edges:
    then these are as many edges as the circuit has, those of its largest scores, up or down."""

    subject: str
    n_edges: int
    faithfulness: Faithfulness


@dataclass(frozen=True)
class OnPrompts:
    """Everything that was run on one set of prompts."""

    kind: PromptKind
    name: str
    n: int
    seed: int
    batch_sha256: str
    measured: tuple[CircuitMeasurement, ...]

    def of(self, subject: str) -> Faithfulness | None:
        """What was measured of it here; None if it was not run."""
        return next((m.faithfulness for m in self.measured if m.subject == subject), None)

    @property
    def ranked(self) -> dict[str, Faithfulness]:
        """What was measured of as many edges, chosen by methods that score edges; by their titles."""
        return {m.subject: m.faithfulness for m in self.measured if m.subject not in list(Subject)}


@dataclass(frozen=True)
class KnockedOut:
    """A set K of the circuit's nodes, and what is left without it, in logits."""

    chosen: Chosen
    name: str
    nodes: tuple[Sender, ...]
    model: float  # F(M without K)
    circuit: float  # F(C without K)
    share: Estimate | None  # (F(C without K) - F(M without K)) / (F(M) - F(empty)); None where it is not defined
    opposite: bool  # F without K has opposite signs in model and circuit, by both intervals
    spans: tuple[str, ...] = seldom(())  # in positions, where each of the nodes is knocked out

    @property
    def gap(self) -> float:
        """|F(C without K) - F(M without K)|: the incompleteness score of the IOI paper."""
        return abs(self.circuit - self.model)

    @property
    def places(self) -> tuple[Place, ...]:
        """The nodes, and where."""
        return tuple(map(Place, self.nodes, self.spans or ("",) * len(self.nodes)))


@dataclass(frozen=True)
class Removed:
    """An edge of the circuit, or a node with all its outgoing edges, and what its removal does, in logits."""

    edge: Edge | None
    node: Sender | None
    change: float  # F(C without it) - F(C)
    moved: float  # mean over prompts of the absolute change
    squared: float  # mean over prompts of the squared change, in logits^2
    span: str = seldom("")  # in positions, where the node is removed; an edge has its own

    @property
    def name(self) -> str:
        """As it is printed."""
        return str(self.edge or (self.node and Place(self.node, self.span)))


@dataclass(frozen=True)
class ComponentAblations:
    """A circuit taken apart, on one set of prompts."""

    prompts: str  # the name of the set
    n: int  # how many of its prompts, the first ones
    model: float  # F(M), in logits
    circuit: float  # F(C)
    empty: float  # F(empty)
    knocked_out: tuple[KnockedOut, ...]
    nodes: tuple[Removed, ...]
    edges: tuple[Removed, ...]  # all, or a random choice where there are many


@dataclass(frozen=True)
class RandomComparison:
    """The circuit's number beside the same of random circuits; lower is better."""

    observed: float
    mean: float
    low: float  # the 5th percentile
    high: float  # the 95th percentile
    p: float  # (1 + how many are as low) / (1 + how many)


@dataclass(frozen=True)
class RandomCircuits:
    """Random circuits of the circuit's size, on one set of prompts."""

    drawn: RandomBaseline
    prompts: str
    n: int  # different ones, none of them the circuit itself
    kl: RandomComparison
    absolute: RandomComparison
    logit_diff: Estimate  # mean and range (5th to 95th percentile) of F

    @property
    def enough(self) -> bool:
        """Whether there are so many that a p of 0.05 could have come out."""
        return self.n >= FEWEST_DRAWS


@dataclass(frozen=True)
class Tested:
    """One test. `details` are the numbers that it rests on, in words; `edges` those that it speaks against."""

    hypothesis: Hypothesis
    p: float
    n: int  # prompts, or random edges
    details: str
    edges: tuple[Edge, ...] = ()


@dataclass(frozen=True)
class Finding:
    """The answer to one question about the circuit: in a sentence, and the numbers beside it."""

    question: Question
    grade: Grade
    sentence: str
    numbers: str


@dataclass(frozen=True)
class EvaluatedCircuit:
    """Which circuit was evaluated, and how."""

    task: str
    corruption: str
    ablation: str
    model: str
    weights_sha256: str
    batch_sha256: str  # of the discovery prompts
    n_edges: int
    n_nodes: int
    of_edges: int  # in the whole graph
    seed: int  # of the fresh prompts and of everything random
    draws: int
    seconds: float
    n_spans: int = seldom(0)  # of a circuit in positions; its edges, and those of the graph, are counted at spans


@dataclass(frozen=True)
class Evaluation(Tabular):
    """All of it."""

    source: EvaluatedCircuit
    prompts: tuple[OnPrompts, ...]
    random: tuple[RandomCircuits, ...]
    examined: tuple[ComponentAblations, ...]
    tests: tuple[Tested, ...]
    findings: tuple[Finding, ...]
    notes: tuple[str, ...]  # whole sentences: what was left out or only sampled, and why

    def to_rows(self) -> list[Row]:
        """A row for every measure of every set of edges on every set of prompts, as in `evaluation.csv`."""
        return [
            {
                "prompts": on.name,
                "kind": on.kind.value,
                "n": on.n,
                "edges": measured.subject,
                "n_edges": measured.n_edges,
                "measure": field.name,
                **_numbers(getattr(measured.faithfulness, field.name)),
            }
            for on in self.prompts
            for measured in on.measured
            for field in fields(Faithfulness)
        ]

    @property
    def verdict(self) -> str:
        """The answers to all questions, one after the other."""
        return " ".join(finding.sentence for finding in self.findings)

    def on(self, kind: PromptKind) -> OnPrompts | None:
        """The first set of prompts of a kind; None if there is none."""
        return next((on for on in self.prompts if on.kind is kind), None)

    @property
    def main(self) -> OnPrompts:
        """The prompts on which the circuit is judged: fresh ones, or the discovery prompts if there are no others."""
        return self.on(PromptKind.FRESH) or self.prompts[0]


def _numbers(estimate: Estimate | None) -> Row:
    if estimate is None:
        return {"value": "", "low": "", "high": ""}
    return {"value": estimate.value, "low": estimate.low, "high": estimate.high}
