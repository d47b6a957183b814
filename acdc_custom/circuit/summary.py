"""A circuit in a dozen lines of text, for the terminal."""

from __future__ import annotations

from acdc_custom.circuit.circuit import Circuit, TaskPerformance
from acdc_custom.circuit.trust import on_test_prompts
from acdc_custom.errors import count
from acdc_custom.files.columns import paragraph
from acdc_custom.task.answers import number_of_tokens

STRONGEST = 10


def describe_behaviour(behaviour: TaskPerformance) -> str:
    """`logit difference 4.05, 100 % correct`."""
    return f"logit difference {behaviour.logit_diff:.2f}, {behaviour.correct:.0%} correct"


def summarize(circuit: Circuit, strongest: int = STRONGEST) -> str:
    """What was asked, what came out, and the strongest edges."""
    settings, outcome, search = circuit.settings, circuit.outcome, circuit.search
    total, kept = circuit.n_edges, len(circuit.edges)
    lines = [
        f"Circuit of {circuit.task.name} ({circuit.corruption}) in {circuit.model.name}: "
        f"{kept:,} of {total:,} edges{_spans(circuit)}, {len(circuit.nodes)} nodes, {circuit.chosen}",
        *paragraph(on_test_prompts(circuit), "  ", "  "),
        "On the prompts of the search:",
        f"  model      {describe_behaviour(outcome.model)}",
        f"  circuit    {describe_behaviour(outcome.circuit)}, KL {outcome.circuit.kl:.4f} nats",
        f"  no edges   {describe_behaviour(outcome.empty)}, KL {outcome.empty.kl:.4f} nats",
        *_several_tokens(circuit),
        f"  recovered  {outcome.faithfulness:.0%} of the logit difference between no edges and all of them",
        *([f"  without    {settings.knock_out}"] if settings.knock_out else []),
        *([f"  made as    {search.consensus}"] if search.consensus else []),
        f"  search     {count(search.evaluations, 'evaluation')} in {search.seconds:.1f} s; {_decisions(circuit)}",
    ]
    if shown := circuit.strongest(strongest):
        effect = "size of their scores" if circuit.is_scored else f"{circuit.unit} that the metric rises without them"
        lines.append(f"Strongest edges, by the {effect}:")
        names = [str(k.edge).partition(" -> ") for k in shown]
        width, other = max(len(sender) for sender, *_ in names), max(10, *(len(name[2]) for name in names))
        lines += [
            f"  {sender:>{width}} -> {receiver:<{other}} {k.effect:8.4f}"
            for k, (sender, _, receiver) in zip(shown, names, strict=True)
        ]
    elif not circuit.edges:
        lines.append("No edge survived: nothing in this graph moves the metric by as much as the threshold.")
    return "\n".join(lines)


def _several_tokens(circuit: Circuit) -> list[str]:
    """What KL and the logit difference are of, where answers have several tokens."""
    lengths = set(circuit.outcome.answer_tokens)
    if lengths <= {1}:
        return []
    return paragraph(
        f"  answers    of {number_of_tokens(lengths)}: KL is the mean over an answer's tokens; the logit difference is "
        "at the first token in which answer and foil differ",
        later=" " * 13,
    )


def _spans(circuit: Circuit) -> str:
    return f" at {len(circuit.spans)} spans" if circuit.in_positions else ""


def _decisions(circuit: Circuit) -> str:
    search = circuit.search
    if circuit.is_scored:
        return f"{count(circuit.n_edges, 'edge')} scored, in {circuit.unit}"
    return f"{count(search.within_noise, 'decision')} within rounding error ({search.noise:.0e} {circuit.unit})"
