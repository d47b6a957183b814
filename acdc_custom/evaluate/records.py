"""What an evaluation found out, as plain values: nothing here computes, and nothing needs torch.

F is the mean logit difference over prompts, M the model, C the circuit, "empty" the circuit without edges.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from acdc_custom.graph import Edge, Sender


@dataclass(frozen=True)
class Estimate:
    """A number over prompts, with its 95 % interval by bootstrap over the prompts."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Faithfulness:
    """How near something comes to the model on some prompts."""

    logit_diff: Estimate  # F(C), in logits
    absolute: Estimate  # |F(M) - F(C)|, in logits
    recovered: Estimate | None  # (F(C) - F(empty)) / (F(M) - F(empty)); None where there is nothing to recover
    kl: Estimate  # from the model, in nats
    correct: Estimate  # share of prompts whose answer has a higher logit than its foil


class Subject(StrEnum):
    """What is run on a set of prompts."""

    MODEL = "model"
    CIRCUIT = "circuit"
    EAP = "EAP"
    EAP_IG = "EAP-IG"
    EMPTY = "no edges"

    @property
    def about(self) -> str:
        """Which edges that is."""
        return {
            Subject.MODEL: "every edge",
            Subject.CIRCUIT: "the circuit",
            Subject.EAP: "as many edges, those with the highest scores of edge attribution patching",
            Subject.EAP_IG: "as many edges, those with the highest scores of EAP with integrated gradients",
            Subject.EMPTY: "no edge",
        }[self]


@dataclass(frozen=True)
class Measured:
    """One set of edges on one set of prompts."""

    subject: Subject
    n_edges: int
    faithfulness: Faithfulness


class PromptKind(StrEnum):
    """How prompts relate to those that the circuit was found on."""

    DISCOVERY = "discovery"
    FRESH = "fresh"
    TEMPLATE = "template"
    WORDS = "words"
    TASK = "task"

    @property
    def about(self) -> str:
        """Which prompts these are."""
        return {
            PromptKind.DISCOVERY: "the prompts that the circuit was found on",
            PromptKind.FRESH: "new prompts of the same task",
            PromptKind.TEMPLATE: "new prompts of these templates alone",
            PromptKind.WORDS: "new prompts, of words that were in none of the discovery prompts",
            PromptKind.TASK: "prompts of another task",
        }[self]


@dataclass(frozen=True)
class OnPrompts:
    """Everything that was run on one set of prompts."""

    kind: PromptKind
    name: str
    n: int
    seed: int
    batch_sha256: str
    measured: tuple[Measured, ...]

    def of(self, subject: Subject) -> Faithfulness | None:
        """What was measured of it here; None if it was not run."""
        return next((m.faithfulness for m in self.measured if m.subject is subject), None)


class Chosen(StrEnum):
    """How a set K of nodes is chosen that is knocked out of both the circuit and the model."""

    RANDOM = "random"
    ROLE = "role"
    GREEDY = "greedy"

    @property
    def about(self) -> str:
        """Which nodes."""
        return {
            Chosen.RANDOM: "a random part of the circuit's nodes, up to half of them",
            Chosen.ROLE: "all heads of the circuit with one role",
            Chosen.GREEDY: "node after node, each time the one that makes circuit and model differ most",
        }[self]


@dataclass(frozen=True)
class KnockedOut:
    """A set K of the circuit's nodes, and what is left without it, in logits."""

    chosen: Chosen
    name: str
    nodes: tuple[Sender, ...]
    model: float  # F(M without K)
    circuit: float  # F(C without K)

    @property
    def gap(self) -> float:
        """|F(C without K) - F(M without K)|: the incompleteness score of the IOI paper."""
        return abs(self.circuit - self.model)


@dataclass(frozen=True)
class Removed:
    """An edge of the circuit, or a node with all its outgoing edges, and what its removal does, in logits."""

    edge: Edge | None
    node: Sender | None
    change: float  # F(C without it) - F(C)
    moved: float  # mean over prompts of the absolute change
    squared: float  # mean over prompts of the squared change, in logits^2

    @property
    def name(self) -> str:
        """As it is printed."""
        return str(self.edge or self.node)


@dataclass(frozen=True)
class Examined:
    """A circuit taken apart, on one set of prompts."""

    prompts: str  # the name of the set
    model: float  # F(M), in logits
    circuit: float  # F(C)
    empty: float  # F(empty)
    knocked_out: tuple[KnockedOut, ...]
    nodes: tuple[Removed, ...]
    edges: tuple[Removed, ...]  # all, or a random choice where there are many


class Drawn(StrEnum):
    """How random circuits of the circuit's size are drawn."""

    PATHS = "random paths"
    SHUFFLED = "heads shuffled"
    REWIRED = "edges rewired"

    @property
    def about(self) -> str:
        """How."""
        return {
            Drawn.PATHS: "random paths from the embedding to the logits, until there are as many edges",
            Drawn.SHUFFLED: "the heads of each layer change places: the same wiring, between other heads",
            Drawn.REWIRED: "pairs of edges exchange receivers: nodes keep their numbers of edges in and out",
        }[self]


@dataclass(frozen=True)
class Against:
    """The circuit's number beside the same of random circuits; lower is better."""

    observed: float
    mean: float
    low: float  # the 5th percentile
    high: float  # the 95th percentile
    p: float  # (1 + how many are as low) / (1 + how many)


@dataclass(frozen=True)
class RandomCircuits:
    """Random circuits of the circuit's size, on one set of prompts."""

    drawn: Drawn
    prompts: str
    n: int
    kl: Against
    absolute: Against
    logit_diff: Estimate  # mean and range (5th to 95th percentile) of F


class Hypothesis(StrEnum):
    """The tests of Shi et al. 2024 (arXiv 2410.13032)."""

    EQUIVALENCE = "equivalence"
    INDEPENDENCE = "independence"
    MINIMALITY = "minimality"

    @property
    def null(self) -> str:
        """What is taken to be so until the data speak against it."""
        return {
            Hypothesis.EQUIVALENCE: "circuit and model are equally likely to do better on a prompt, within 0.1",
            Hypothesis.INDEPENDENCE: "what is left without the circuit's edges knows nothing of how the model does",
            Hypothesis.MINIMALITY: "every edge matters more than 90 % of random edges that are added to the circuit",
        }[self]

    @property
    def rejected(self) -> str:
        """What a small p means. Each null is what an ideal circuit has, so a small p always speaks against it."""
        return {
            Hypothesis.EQUIVALENCE: "the circuit is on most prompts on one side of the model: it does not do the same",
            Hypothesis.INDEPENDENCE: "edges outside the circuit know of the task, too: the circuit is not all of it",
            Hypothesis.MINIMALITY: "some edges matter no more than random ones: the circuit is larger than it need be",
        }[self]

    @property
    def retained(self) -> str:
        """What a large p means: never that the null is true."""
        return {
            Hypothesis.EQUIVALENCE: "no sign that the circuit does better or worse than the model",
            Hypothesis.INDEPENDENCE: "no sign that edges outside the circuit know of the task",
            Hypothesis.MINIMALITY: "no sign that an edge could be left out",
        }[self]


@dataclass(frozen=True)
class Tested:
    """One test. `details` are the numbers that it rests on, in words; `edges` those that it speaks against."""

    hypothesis: Hypothesis
    p: float
    n: int  # prompts, or random edges
    details: str
    edges: tuple[Edge, ...] = ()


class Question(StrEnum):
    """What one asks of a circuit."""

    FAITHFUL = "Does it do what the model does?"
    GENERAL = "Does it hold on other prompts?"
    SPECIAL = "Is it better than other circuits of its size?"
    COMPLETE = "Is it all that the model uses?"
    MINIMAL = "Is every part needed?"


class Grade(StrEnum):
    """How one question came out."""

    GOOD = "yes"
    PARTLY = "partly"
    BAD = "no"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Finding:
    """The answer to one question about the circuit: in a sentence, and the numbers beside it."""

    question: Question
    grade: Grade
    sentence: str
    numbers: str


@dataclass(frozen=True)
class Source:
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


@dataclass(frozen=True)
class Evaluation:
    """All of it."""

    source: Source
    prompts: tuple[OnPrompts, ...]
    random: tuple[RandomCircuits, ...]
    examined: tuple[Examined, ...]
    tests: tuple[Tested, ...]
    findings: tuple[Finding, ...]
    notes: tuple[str, ...]  # whole sentences: what was left out or only sampled, and why

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
