"""The closed sets that a user chooses from. Free of torch, so that the command line can offer them at once."""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import StrEnum
from numbers import Integral, Real
from typing import Any

from acdc_custom.errors import UsageError, did_you_mean

LARGEST_SEED = 2**63 - 1
LARGEST_THRESHOLD = 1e100  # files hold no larger number
DEFAULT_THRESHOLD = 0.01  # nats, for the usual metric
DEFAULT_METHOD = "acdc"


class Metric(StrEnum):
    """What a search minimises (`--metric`). Lower is better for every one of them."""

    KL = "kl"
    LOGIT_DIFF = "logit-diff"
    LOGIT_DIFF_DISTANCE = "logit-diff-distance"
    ANSWER_LOGPROB = "answer-logprob"
    ANSWER_RANK = "answer-rank"

    @property
    def about(self) -> str:
        """What is minimised."""
        return {
            Metric.KL: "KL divergence of the full model's next-token distribution from the circuit's",
            Metric.LOGIT_DIFF: "minus the logit difference between answer and foil",
            Metric.LOGIT_DIFF_DISTANCE: "absolute difference of the logit difference from the full model's",
            Metric.ANSWER_LOGPROB: "minus the log-probability that the answer is next",
            Metric.ANSWER_RANK: "the number of words that come before the answer",
        }[self]

    @property
    def unit(self) -> str:
        """The unit of the metric, and so of thresholds and effects."""
        return {
            Metric.KL: "nats",
            Metric.LOGIT_DIFF: "logits",
            Metric.LOGIT_DIFF_DISTANCE: "logits",
            Metric.ANSWER_LOGPROB: "nats",
            Metric.ANSWER_RANK: "ranks",
        }[self]


@dataclass(frozen=True)
class CustomMetric:
    """A user's own metric: `module:function`, importable from where the command is given. See `engine/metrics.py`."""

    value: str
    unit: str = "units"

    @property
    def about(self) -> str:
        """What is minimised."""
        return f"the function {self.value}"


class Ablation(StrEnum):
    """What a removed edge carries (`--ablation`)."""

    CORRUPTED = "corrupted"
    ZERO = "zero"
    MEAN = "mean"
    REFERENCE_MEAN = "reference-mean"

    @property
    def is_mean(self) -> bool:
        """Whether what a removed edge carries is a mean over prompts, and so another one of fewer of them."""
        return self in (Ablation.MEAN, Ablation.REFERENCE_MEAN)

    @property
    def about(self) -> str:
        """What takes the place of the sender's output."""
        return {
            Ablation.CORRUPTED: "the sender's output on the corrupted prompt",
            Ablation.ZERO: "nothing, without an MLP's output bias either",
            Ablation.MEAN: "the sender's mean output over the clean prompts, position by position",
            Ablation.REFERENCE_MEAN: "its mean output over the corrupted prompts of the same template",
        }[self]


class Order(StrEnum):
    """How a search visits what the algorithm leaves open, the heads of a layer and their inputs (`--order`)."""

    ORIGINAL = "original"
    NORMAL = "normal"
    REVERSED = "reversed"
    RANDOM = "random"

    @property
    def about(self) -> str:
        """What comes first."""
        return {
            Order.ORIGINAL: "the original implementation's: v, k, then q inputs, heads descending; senders ascending",
            Order.NORMAL: "the same with senders descending: its --indices-mode normal",
            Order.REVERSED: "the other way round within each layer",
            Order.RANDOM: "shuffled within each layer, by --order-seed",
        }[self]


class ExecutorKind(StrEnum):
    """What executes many runs (`--executor`)."""

    LOCAL = "local"
    RAY = "ray"

    @property
    def about(self) -> str:
        """Where the runs are executed."""
        return {
            ExecutorKind.LOCAL: "in processes on this machine",
            ExecutorKind.RAY: "on a Ray cluster",
        }[self]


class Variation(StrEnum):
    """What is changed from run to run to see how stable a circuit is (`--vary`)."""

    PROMPTS = "prompts"
    ORDERS = "orders"
    TEMPLATES = "templates"

    @property
    def about(self) -> str:
        """What a run has of its own."""
        return {
            Variation.PROMPTS: "as many of the prompts, drawn with replacement",
            Variation.ORDERS: "a random visiting order",
            Variation.TEMPLATES: "as many of the task's templates, drawn with replacement",
        }[self]


class Ranking(StrEnum):
    """Which edges come first when they are ordered by their scores."""

    SIGNED = "signed"
    ABSOLUTE = "absolute"

    @property
    def about(self) -> str:
        """What is compared."""
        return {
            Ranking.SIGNED: "the score: edges that help come first, those that hurt last",
            Ranking.ABSOLUTE: "its size: edges that hurt count as much as those that help",
        }[self]


class ExportForm(StrEnum):
    """What a circuit can be written as for other tools (`--to`)."""

    MIB = "mib"
    GRAPHML = "graphml"
    DOT = "dot"
    CSV = "csv"
    JSON_GRAPH = "json-graph"

    @property
    def about(self) -> str:
        """Who reads it."""
        return {
            ExportForm.MIB: "the circuit JSON of EAP-IG and the MIB benchmark",
            ExportForm.GRAPHML: "a graph for Gephi, Cytoscape, yEd, igraph or networkx",
            ExportForm.DOT: "the picture as Graphviz source, with every edge",
            ExportForm.CSV: "a table of the edges",
            ExportForm.JSON_GRAPH: "a graph in JSON (node-link) for D3 or networkx",
        }[self]

    @property
    def file_name(self) -> str:
        """What the file is called if nobody says otherwise."""
        suffix = {ExportForm.MIB: "mib.json", ExportForm.JSON_GRAPH: "graph.json"}.get(self, self.value)
        return f"edges.{suffix}"


class Effect(StrEnum):
    """What path patching recomputes between the sender and the receiver (`--effect`)."""

    EDGE = "edge"
    DIRECT = "direct"
    TOTAL = "total"

    @property
    def about(self) -> str:
        """What changes with the sender's output."""
        return {
            Effect.EDGE: "nothing between: along the one edge that joins them",
            Effect.DIRECT: "MLPs between, no other head (as in the IOI paper)",
            Effect.TOTAL: "everything between, heads included",
        }[self]


class Device(StrEnum):
    """Where to compute (`--device`). `auto`: CUDA if there is any, else Apple's GPU, else the CPU."""

    AUTO = "auto"
    CPU = "cpu"
    CUDA = "cuda"
    MPS = "mps"


class Precision(StrEnum):
    """What to compute in (`--dtype`)."""

    FLOAT32 = "float32"
    FLOAT64 = "float64"


class Direction(StrEnum):
    """Which way activations are patched (`--direction`)."""

    DENOISING = "denoising"
    NOISING = "noising"

    @property
    def about(self) -> str:
        """What is put where."""
        return {
            Direction.DENOISING: "clean activations into the corrupted run: what is enough to bring the answer back",
            Direction.NOISING: "corrupted activations into the clean run: what the answer cannot do without",
        }[self]


class HeadPart(StrEnum):
    """What of an attention head is patched (`--part`)."""

    Z = "z"
    Q = "q"
    K = "k"
    V = "v"
    PATTERN = "pattern"

    @property
    def about(self) -> str:
        """What it is."""
        return {
            HeadPart.Z: "output",
            HeadPart.Q: "queries",
            HeadPart.K: "keys",
            HeadPart.V: "values",
            HeadPart.PATTERN: "attention pattern",
        }[self]


class TokenPlace(StrEnum):
    """Where in the model the direction of a token is taken (`--place`)."""

    EMBEDDING = "embedding"
    BLOCK_0 = "block-0"

    @property
    def about(self) -> str:
        """What the direction is."""
        return {
            TokenPlace.EMBEDDING: "the token's row of the embedding",
            TokenPlace.BLOCK_0: "what block 1 reads: the residual stream after block 0's MLP, through block 1's norm",
        }[self]


class Similarity(StrEnum):
    """How two directions are compared (`--similarity`)."""

    COSINE = "cosine"
    DOT = "dot"


# What a setting may be given as, what it then is, and what people call that. numpy's numbers count as numbers.
_KINDS: dict[str, tuple[type, type, str]] = {
    "bool": (bool, bool, "True or False"),
    "int": (Integral, int, "a whole number"),
    "float": (Real, float, "a number"),
    "str": (str, str, "a text"),
}


def check_kinds(settings: Any) -> None:
    """See that the plain fields of a frozen record are of their types, and make Python's numbers of others' numbers.

    Raises `UsageError` that names the field.
    """
    for field in fields(settings):
        value, written = getattr(settings, field.name), str(field.type)
        kind = written.removesuffix(" | None")
        if kind not in _KINDS or (value is None and kind != written):
            continue
        allowed, plain, words = _KINDS[kind]
        if not isinstance(value, allowed) or (isinstance(value, bool) and plain is not bool):
            name = field.name.replace("_", " ")
            raise UsageError(f"the {name} is {value!r:.60} ({type(value).__name__}): it must be {words}.")
        if type(value) not in (plain, int):
            object.__setattr__(settings, field.name, plain(value))


def checked_threshold(threshold: float) -> float:
    """The threshold, if it can be one. Raises `UsageError`."""
    if threshold > LARGEST_THRESHOLD:
        raise UsageError(f"the threshold is {threshold:g}: it must be at most {LARGEST_THRESHOLD:g}, such as 0.01.")
    if not threshold >= 0:
        raise UsageError(f"the threshold is {threshold:g}: it must be zero or a positive number, such as 0.01.")
    return threshold


def checked_seed(seed: int) -> int:
    """The seed, if it can be one: a negative number would give what its positive gives. Raises `UsageError`."""
    if not 0 <= seed <= LARGEST_SEED:
        raise UsageError(f"the seed is {seed}: it must be a whole number from 0 to {LARGEST_SEED}.")
    return seed


def parse_metric(name: str) -> Metric | CustomMetric:
    """The metric of this name; a name with a colon is a user's own. Raises `UsageError`."""
    if ":" in name:
        return CustomMetric(name)
    try:
        return Metric(name)
    except ValueError:
        names = [metric.value for metric in Metric]
        hint = did_you_mean(name, names)
        raise UsageError(
            f'no metric is called "{name}".{hint} There are: {", ".join(names)}, or module:function for your own.'
        ) from None
