"""The closed sets of an evaluation, each with what its members mean, in words for people."""

from __future__ import annotations

from enum import StrEnum


class Subject(StrEnum):
    """What is run on a set of prompts, beside as many edges as the circuit has that other methods choose; the third of
    a circuit in positions alone."""

    MODEL = "model"
    CIRCUIT = "circuit"
    MERGED = "at all spans"
    EMPTY = "no edges"

    @property
    def about(self) -> str:
        """Which edges that is."""
        return {
            Subject.MODEL: "every edge",
            Subject.CIRCUIT: "the circuit",
            Subject.MERGED: "every edge of the circuit, at every span",
            Subject.EMPTY: "no edge",
        }[self]


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


class RandomBaseline(StrEnum):
    """How random circuits of the circuit's size are drawn."""

    PATHS = "random paths"
    SHUFFLED = "heads shuffled"
    REWIRED = "edges rewired"

    @property
    def about(self) -> str:
        """How."""
        return {
            RandomBaseline.PATHS: "random paths from the embedding to the logits, until there are as many edges",
            RandomBaseline.SHUFFLED: "the heads of each layer change places: the same wiring, between other heads",
            RandomBaseline.REWIRED: "pairs of edges exchange receivers: nodes keep their numbers of edges in and out",
        }[self]


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
