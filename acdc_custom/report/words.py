"""What a circuit's numbers mean, in sentences for a reader who is new to circuits.

Owns the verdicts, the meaning of every setting, and what the result does not show. Plain text, not escaped.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from acdc_custom.choices import Ablation, CustomMetric, Metric
from acdc_custom.circuit.circuit import Circuit
from acdc_custom.export.caption import RANKED_BY, unit_of, with_unit
from acdc_custom.export.style import number
from acdc_custom.graph import parse_heads
from acdc_custom.heads.evidence import Role
from acdc_custom.heads.table import HeadTable

# What is said of a circuit that recovers at least this share of the logit difference.
GRADES = (
    (0.95, "do the task on their own"),
    (0.6, "do most of the task on their own"),
    (0.1, "do a part of the task on their own"),
    (-math.inf, "do next to nothing of the task on their own"),
)
OVERSHOOT = 1.1
NAMED = (Role.NAME_MOVER, Role.CUE_MOVER, Role.NEGATIVE_NAME_MOVER, Role.S_INHIBITION)  # at the top of the page
ROUNDING = 1e-5  # nats


def percent(share: float) -> str:
    """`91 %`; one decimal below 10 %."""
    decimals = 1 if 0 < abs(share) < 0.0995 else 0
    return f"{share:.{decimals}%}".replace("%", " %")


def hundredths(value: float) -> str:
    """`-0.02`, and `0.00` for what is less, of either sign."""
    return f"{round(value, 2) + 0.0:.2f}"


def nats(kl: float) -> str:
    """`0.0442 nats`; what is no more than rounding is zero."""
    return "0 nats" if abs(kl) < ROUNDING else f"{number(kl)} nats"


def in_short(circuit: Circuit, heads: HeadTable | None, evaluated: bool) -> str:
    """The second sentence at the top of the page: movers and S-inhibition heads, and whether it was evaluated."""
    named = []
    rows = heads.rows if heads else ()
    for role in NAMED:
        if labels := [row.head.label for row in rows if row.in_circuit and row.role is role]:
            named.append(f"{role.counted(len(labels))} ({', '.join(labels)})")
    if named:
        who = f"It has {', '.join(named[:-1])}{' and ' if named[1:] else ''}{named[-1]}"
    elif heads:
        who = "None of its heads has shown itself to be a mover or an S-inhibition head"
    else:
        who = "What its heads do was not measured"
    return f"{who}; it has {'been evaluated, see below' if evaluated else 'not been evaluated'}."


def finding(circuit: Circuit) -> str:
    """What the circuit does on the prompts of the search, in one sentence."""
    kept, total, nodes = len(circuit.edges), circuit.n_edges, len(circuit.nodes)
    if not kept:
        return (
            f"No edge of {circuit.model.name} survived the search: each of its {total:,} edges could be removed, and "
            "every time the metric rose by less than the threshold."
        )
    size = (
        f"{kept:,} of {total:,} edges ({percent(kept / total)}), sent by {nodes} node{'s' * (nodes > 1)} of "
        f"{circuit.model.name},"
    )
    share = circuit.outcome.faithfulness
    if circuit.outcome.model.logit_diff <= 0:
        return f"{size} were kept, but the model does not do this task: on average it prefers the foil to the answer."
    if math.isnan(share):
        return f"{size} were kept. Removing every edge does not change how well the task is done."
    if share > OVERSHOOT:
        return (
            f"{size} do more than the whole model: alone, they bring the logit difference to {percent(share)} of the "
            "way from no edges to all of them."
        )
    verb = next(words for least, words in GRADES if share >= least)
    return (
        f"{size} {verb}: they recover {percent(share)} of the logit difference that is lost when every edge is removed."
    )


def model_verdict(circuit: Circuit) -> str:
    """How well the model does the task."""
    model = circuit.outcome.model
    if model.logit_diff <= 0:
        return (
            "The model does not do this task: on average it gives the foil a higher score than the answer. A "
            "circuit for a task that the model cannot do says little."
        )
    if model.correct >= 0.95:
        return "The model does the task: it nearly always prefers the answer to the foil."
    if model.correct >= 0.75:
        return "The model does the task most of the time."
    return "The model does the task weakly: it often prefers the foil. Read what follows with care."


def circuit_verdict(circuit: Circuit) -> list[str]:
    """What the numbers of model, circuit and no edges say when put side by side."""
    outcome = circuit.outcome
    share = outcome.faithfulness
    said = [finding(circuit)]
    if share > OVERSHOOT:
        said.append(
            "More than 100 % means that removed edges worked against the answer. Such a circuit shows what helps "
            "the task, not what the model does."
        )
    kl, empty = outcome.circuit.kl, outcome.empty.kl
    if empty > 0:
        said.append(
            f"Over all words that could come next, the circuit's predictions are {number(kl)} nats away from the "
            f"model's (KL divergence); with no edges at all it is {number(empty)} nats."
        )
    return said


def knocked_out(circuit: Circuit) -> str:
    """What was left out of the search on purpose; nothing if nothing was."""
    if not circuit.settings.knock_out:
        return ""
    heads = ", ".join(head.label for head in parse_heads(circuit.settings.knock_out))
    return f"This circuit was searched without {heads}: all edges from there were removed before the search began."


def settings_table(circuit: Circuit) -> Iterator[tuple[str, str, str]]:
    """Every setting: its name, its value, and what it means."""
    settings = circuit.settings
    meanings = {
        "method": "how edges were chosen",
        "threshold": _threshold(circuit),
        "edges": "how many edges the circuit has, of a method that scores edges",
        "ranking": "what puts an edge first, of a method that scores edges",
        "steps": "at how many points gradients were taken, of a method that integrates them",
        "metric": _metric(circuit),
        "ablation": f"what a removed edge carries: {settings.ablation.about}",
        "knock_out": "heads whose edges were all removed before the search began",
        "order": f"which heads and inputs of a layer came first: {settings.order.about}",
        "order_seed": "which random order; it matters for the order “random” alone",
        "n": "how many prompts every removal was judged by",
        "seed": "which prompts: the same seed gives the same prompts",
        "corruption": "how the corrupted prompts were made",
        "templates": "which templates the prompts were made from, counted from 0; empty for all",
        "resample": "with which seed the prompts were drawn anew, with replacement; None: they were not",
        "device": "where it was computed",
        "dtype": "the precision of the computation",
        "held_out": "how many other prompts were kept for the test, and as many to choose by",
        "start": "the run whose circuit's edges alone were searched; none: all edges of the model",
        "refine": "whether what was left was searched again until nothing went",
        "positions": "whether edges were decided at each span by itself",
        "window": "how many candidates were evaluated at once; None: as many as seemed best",
        "memory_limit": "how much memory it was allowed; None: a share of what was free",
    }
    for name, value in settings.flat().items():
        yield name.replace("_", " "), "none" if value == "" else str(value), meanings.get(name, "")


def _metric(circuit: Circuit) -> str:
    about = circuit.settings.parsed_metric.about
    return f"what was measured of the circuit: {about}" if circuit.is_scored else f"what the search kept low: {about}"


def effect_is(circuit: Circuit) -> str:
    """What the effect of an edge is, after "The effect is"."""
    if circuit.is_scored:
        return f"the score that {circuit.settings.method} gave the edge ({circuit.unit})"
    return f"how much the metric rose ({circuit.unit}) when the search tried to remove the edge"


def _threshold(circuit: Circuit) -> str:
    threshold = circuit.settings.threshold
    if threshold is None:
        return "of a method that decides edges one by one; this one scores them"
    return f"an edge was removed if the metric then rose by less than {with_unit(threshold, unit_of(circuit))}"


def search_facts(circuit: Circuit) -> list[str]:
    """How the search went."""
    search, unit = circuit.search, unit_of(circuit)
    if search.consensus:
        return [
            f"This is a {search.consensus}, each with its mean effect in the runs that kept it. The runs differ in "
            f"prompts, visiting orders or templates; together they made {search.evaluations:,} evaluations in "
            f"{search.seconds:.1f} s."
        ]
    if circuit.is_scored:
        return [
            f"{circuit.settings.method} scored {circuit.graph.n_edges:,} edges in {search.seconds:.1f} s, in {unit}. "
            f"The circuit is made of the {len(circuit.edges):,} that come first by "
            f"{RANKED_BY[circuit.settings.ranking]}."
        ]
    said = [
        f"The search decided {circuit.graph.n_edges:,} edges, {search.decided.get('evaluated', 0):,} of them by "
        f"evaluating the metric ({search.evaluations:,} evaluations in {search.seconds:.1f} s). The others could "
        "not change the output: they carry the same whether removed or not, or lead to nothing that was kept.",
    ]
    if search.closest_margin is not None:
        said.append(
            f"The closest decision missed the threshold by {with_unit(search.closest_margin, unit)}; the rounding "
            f"error is about {with_unit(search.noise, unit)}. {search.within_noise:,} "
            f"decision{' lies' if search.within_noise == 1 else 's lie'} within the rounding error"
            + (", and may fall otherwise on another machine." if search.within_noise else ".")
        )
    return said


def limits(circuit: Circuit) -> Iterator[tuple[str, str]]:
    """What this result does not show: a heading and a sentence or two each."""
    settings = circuit.settings
    yield _one_sample(circuit)
    yield (
        "One batch of prompts",
        f"All of this was computed on the same {settings.prompts.n} prompts (seed {settings.prompts.seed}), the ones "
        "the search used; only an evaluation looks at others. Other prompts, and other wordings of the task, may need "
        "other edges.",
    )
    if settings.threshold is None:
        yield (
            "Scores are estimates",
            f"Each edge was scored by itself, by {settings.method}, and no circuit was tested on the way: what the "
            "edges that come first do together is said above. More --edges keep more.",
        )
    else:
        yield (
            "The threshold",
            f"Edges whose removal raised the metric by less than {with_unit(settings.threshold, unit_of(circuit))} are "
            "gone, even if many of them together matter. A lower threshold keeps more.",
        )
    yield _blind_spot(circuit)
    yield "What the ablation leaves in place", _left_in_place(settings.ablation)
    yield (
        "Effects are not shares",
        "The effect of an edge is its score, measured in the whole model. Effects do not add up: what two edges do "
        "together may be more or less."
        if circuit.is_scored
        else "The effect of an edge is how much the metric would have risen without it at the moment when it was "
        "tested. Effects do not add up, and an edge that was tested early is measured in another circuit than one "
        "tested late.",
    )
    yield (
        "Whole edges, at all positions",
        "An edge stands for everything that one node tells another at every position of the prompt. Where in the "
        "prompt it matters is for the attention viewer and for patching to show.",
    )


def _one_sample(circuit: Circuit) -> tuple[str, str]:
    if circuit.search.consensus:
        return (
            "What comes back may not be enough",
            "Of two edges that do the same, each may be kept by half of the runs, and a strict consensus then has "
            "neither. An edge that comes back is one that the search finds again, with one threshold, one metric and "
            "one ablation.",
        )
    if circuit.is_scored:
        return (
            "One sample",
            "On other prompts edges have other scores, and others come first. Edges that come back on other prompts "
            "can be relied on, and acdc-custom stability finds them.",
        )
    return (
        "One search, in one order",
        "Edges are judged one after the other, given what has been removed before. In another order, another edge "
        "of two that do the same may be the one that stays. A single circuit is a sample; edges that come back "
        "under several orders and seeds can be relied on, and acdc-custom stability finds them.",
    )


def _blind_spot(circuit: Circuit) -> tuple[str, str]:
    """Scores are of the logit difference, whatever the metric."""
    if circuit.is_scored:
        return (
            "What the scores see",
            "Scores are of the logit difference, which looks at the answer and the foil alone. What raises or lowers "
            "both alike is invisible to it, and so is every other word.",
        )
    return "What the metric sees", _blind_spot_of(circuit.settings.parsed_metric)


def _blind_spot_of(metric: Metric | CustomMetric) -> str:
    match metric:
        case Metric.KL:
            return (
                "KL divergence looks at every word that could come next, so the circuit also holds what only keeps "
                "the rest of the distribution in place. Heads that work against the answer are found only at small "
                "thresholds, and heads that step in when another one fails (backup heads) are not found at all."
            )
        case Metric.LOGIT_DIFF | Metric.LOGIT_DIFF_DISTANCE:
            said = (
                "The logit difference looks at the answer and the foil alone. What raises or lowers both alike is "
                "invisible to it, and so is every other word. "
            )
            if metric is Metric.LOGIT_DIFF:
                said += (
                    "Without a bound, heads that work against the answer are never kept, and the circuit may overshoot."
                )
            else:
                said += "Backup heads are not found."
            return said
        case Metric.ANSWER_LOGPROB:
            return (
                "The log-probability of the answer does not see the foil: what makes the answer likelier against "
                "all words counts as much as what tells it from the foil. The circuit may overshoot the model."
            )
        case Metric.ANSWER_RANK:
            return "The rank of the answer sees nothing of how sure the prediction is: it changes in whole steps only."
        case _:
            return f"The metric is a user's own function ({metric.value}); what it does not look at is invisible here."


def _left_in_place(ablation: Ablation) -> str:
    if ablation is Ablation.CORRUPTED:
        return (
            "A removed edge still carries what the corrupted prompt would send. What clean and corrupted prompts "
            "have in common (the wording, the place of the names) is therefore always there, and no edge for it is "
            "in the circuit."
        )
    return (
        f"A removed edge carries {ablation.about}. This can push the model to places where it never is on real "
        "prompts, and edges may be kept only because they undo that."
    )
