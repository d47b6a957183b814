"""The spans of several circuits in positions: all of them in one order, and those that every circuit has.

Spans are told apart by their names, which are the tasks'. Knows no prompts.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace

from acdc_custom.circuit.circuit import Circuit, Span
from acdc_custom.task.spans import END, START

OF_ALL_TASKS = (START, END)  # every task has these: they do not say that prompts are alike


def spans_of_all(circuits: Iterable[Circuit]) -> tuple[Span, ...]:
    """The spans of all circuits in order: one that earlier circuits lack stands behind the one before it, or if it is
    the first of its circuit, before the next that they have."""
    names: list[str] = []
    examples: dict[str, str] = {}
    for circuit in circuits:
        at = min((names.index(span.name) for span in circuit.spans if span.name in names), default=0)
        for span in circuit.spans:
            if span.name not in names:
                names.insert(at, span.name)
            at = names.index(span.name) + 1
            examples[span.name] = examples.get(span.name) or span.example
    return tuple(Span(name, examples[name]) for name in names)


def shared_spans(circuits: Sequence[Circuit]) -> tuple[Span, ...]:
    """Those that every circuit has, in order, END last; none if one of them is not in positions."""
    names = set.intersection(*({span.name for span in circuit.spans} for circuit in circuits))
    return tuple(span for span in spans_of_all(circuits) if span.name in names)


def are_alike(spans: Iterable[Span]) -> bool:
    """Whether circuits that share these have anything to compare at spans: more than what every task has."""
    return any(span.name not in OF_ALL_TASKS for span in spans)


def at_spans(circuit: Circuit, names: Collection[str]) -> Circuit:
    """What a circuit in positions has at these of its spans."""
    return replace(
        circuit,
        edges=tuple(kept for kept in circuit.edges if kept.edge.span in names),
        spans=tuple(span for span in circuit.spans if span.name in names),
    )
