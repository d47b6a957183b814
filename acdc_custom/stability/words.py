"""What a study found, in words: for the terminal, and one verdict for those who read nothing else.

Owns the sentences, and the bounds from which on a circuit is called stable; these are ours, and said to be.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from statistics import median

from acdc_custom.choices import Variation
from acdc_custom.circuit.members import Part, merged
from acdc_custom.errors import count
from acdc_custom.export.caption import with_unit
from acdc_custom.files.columns import left, paragraph, right, table, whole
from acdc_custom.stability.agreement import Agreement
from acdc_custom.stability.common import InCommon
from acdc_custom.stability.record import CORE, Stability
from acdc_custom.stability.shares import SelectionFrequency
from acdc_custom.stats.intervals import wilson

STABLE, PARTLY = 0.8, 0.5  # mean Jaccard indices of edges; bounds of ours
CLEARLY_LESS = 0.1  # of the logit difference recovered
FEW = 10  # runs; with fewer, what all of them keep may be kept by two thirds of all such runs
MOST_HEADS = 12


def summarize_stability(stability: Stability) -> str:
    """What was run, how alike the runs are, what they agree on, and the verdict."""
    return "\n".join(
        [
            *_head(stability),
            *_alike(stability),
            *_heads(stability),
            *_consensus(stability),
            "",
            *paragraph(verdict(stability)),
            *(line for note in stability.notes for line in paragraph(f"Note: {note}", later="      ")),
        ]
    )


def verdict(stability: Stability) -> str:
    """How stable it is, what to trust and what not, in a few sentences."""
    if not stability.shares[Part.EDGES]:
        return "No run keeps any edge: there is no circuit at this threshold. Try a lower one."
    edges, heads = stability.agreement(Part.EDGES), stability.agreement(Part.HEADS)
    how = "stable" if edges.mean >= STABLE else "stable in part" if edges.mean >= PARTLY else "not stable"
    said = [
        f"This circuit is {how}: of the edges{_at_spans(stability)} that either of two runs keeps, both keep "
        f"{edges.mean:.0%}{_interval(edges)}"
        + (f", and of the heads {heads.mean:.0%}{_interval(heads)}." if stability.shares[Part.HEADS] else "."),
        *_edges_or_places(stability),
    ]
    core_edges, core_heads = stability.core(Part.EDGES), stability.core(Part.HEADS)
    rare = [share for share in stability.shares[Part.EDGES] if not share.reaches(0.5)]
    if core_edges:
        names = _labels(core_heads)
        said.append(
            f"Trust what at least {CORE:.0%} of the runs keep{_at_spans(stability)}: "
            f"{count(len(core_edges), 'edge')} and {count(len(core_heads), 'head')}{f' ({names})' if names else ''}."
        )
    else:
        said.append(f"No edge is kept by {CORE:.0%} of the runs: trust none of a single run's edges.")
    if rare:
        every = len(stability.shares[Part.EDGES])
        said.append(
            f"Do not build on the {count(len(rare), 'edge')} of {every:,} that fewer than half of the runs keep: such "
            "edges come and go with what was varied."
        )
    if edges.n_runs < FEW:
        least = wilson(edges.n_runs, edges.n_runs)[0]
        said.append(
            f"{count(edges.n_runs, 'run')} are few: of what all of them keep, another might do without "
            f"({least:.0%} to 100% of all such runs keep it, by the 95% interval)."
        )
    return " ".join([*said, *_how_faithful(stability), *_which_matters(stability)])


def kinds_of(varied: Iterable[Variation]) -> str:
    """`all at once`, or the one kind."""
    names = [kind.value for kind in Variation if kind in set(varied)]
    return names[0] if len(names) == 1 else "all at once"


def task_of(stability: Stability) -> str:
    """`latest_s (switch) in demo-4l`."""
    origin = stability.provenance
    corruption = f" ({origin.settings.prompts.corruption})" if origin.settings.prompts.corruption else ""
    return f"{origin.task.name}{corruption} in {origin.model.name}"


def _at_spans(stability: Stability) -> str:
    return " at spans" if stability.in_positions else ""


def _edges_or_places(stability: Stability) -> Iterator[str]:
    """Of runs in positions, whether it is edges that vary, or only their places."""
    if stability.whatever_span is None:
        return
    there = stability.agreement(Part.EDGES).mean
    anywhere = stability.whatever_span.agreement(Part.EDGES, stability.varied)
    if there == anywhere.mean == 1:
        return
    gained, left = anywhere.mean - there, 1 - anywhere.mean
    more, less = ("where", "whether") if gained > left else ("whether", "where")
    yield (
        f"Whatever the span, it is {anywhere.mean:.0%} of the edges{_interval(anywhere)}: {more} an edge is kept "
        f"varies more than {less}."
    )


def _how_faithful(stability: Stability) -> Iterator[str]:
    """Whether the consensus does the task as well as single runs do: what is stable need not be enough."""
    if stability.full.logit_diff <= 0:
        yield "The model does not do this task: it prefers the foil. What is stable here explains nothing."
        return
    own = stability.faithfulness(stability.chosen.behaviour)
    single = median(stability.faithfulness(run.behaviour) for run in stability.consensus_runs)
    if own != own:
        return
    said = (
        f"The consensus of {count(stability.chosen.n_edges, 'edge')} recovers {own:.0%} of the logit difference, a "
        f"single run {single:.0%} in the median"
    )
    if own < single - CLEARLY_LESS:
        yield f"{said}: less, as edges that can stand in for each other are kept by some of the runs each."
        yield "A lower --share brings them back."
    else:
        yield f"{said}."


def _which_matters(stability: Stability) -> Iterator[str]:
    """The kind of variation that changes circuits most, if it is clear."""
    alone = [a for a in stability.agreements if a.part is Part.EDGES and len(a.varied) == 1]
    if len(alone) < 2:
        return
    worst, *others = sorted(alone, key=lambda found: found.mean)
    means = ", ".join(f"{kinds_of(found.varied)} {found.mean:.2f}" for found in (worst, *others))
    clear = worst.high is not None and all(other.low is not None and worst.high < other.low for other in others)
    if clear:
        yield f"Of what was varied, {kinds_of(worst.varied)} change it most (Jaccard alone: {means})."
    else:
        yield f"No kind of variation clearly changes it more than the others (Jaccard alone: {means})."


def _head(stability: Stability) -> Iterator[str]:
    settings, runs = stability.provenance.settings, stability.consensus_runs
    kinds = ", ".join(kind for kind in Variation if kind in stability.varied)
    more = len(stability.runs) - len(runs)
    if settings.threshold is None:
        chosen = f"ranked first by {settings.method}"
    else:
        chosen = f"at threshold {with_unit(settings.threshold, settings.parsed_metric.unit)}"
    sizes = [run.sizes[Part.EDGES] for run in runs]
    recovered = [stability.faithfulness(run.behaviour) for run in runs]
    kls = [run.behaviour.kl for run in runs]
    at = _at_spans(stability)
    about = (
        ("runs", f"{len(runs)} varying {kinds}" + (f"; {more} more that vary one of these alone" if more else "")),
        ("sizes", f"{min(sizes):,} to {max(sizes):,} edges{at}, median {median(sizes):,.4g}"),
        (
            "recovered",
            f"{_percent(min(recovered))} to {_percent(max(recovered))} of the logit difference, median "
            f"{_percent(median(recovered))}; KL {min(kls):.3f} to {max(kls):.3f} nats; all on the same "
            f"{settings.prompts.n} prompts",
        ),
    )
    spans = f", in positions ({count(len(stability.spans), 'span')})" if stability.in_positions else ""
    yield from paragraph(f"Stability of {task_of(stability)} {chosen}{spans}")
    yield from table((left(), left()), about, indent=2)


def _alike(stability: Stability) -> Iterator[str]:
    yield ""
    rows = []
    for varied in dict.fromkeys(found.varied for found in stability.agreements):
        row = [stability.agreement(part, varied) for part in Part]
        rows.append((f"  {kinds_of(varied)}", str(row[0].n_runs), *map(_mean, row)))
        if stability.whatever_span is not None:
            anywhere = [stability.whatever_span.agreement(part, varied) for part in Part]
            rows.append(("    any span", "", *map(_mean, anywhere)))
    parts = (right(part.value) for part in Part)
    yield from table((left("Jaccard index of two runs"), right("runs"), *parts), rows)


def _heads(stability: Stability) -> Iterator[str]:
    shares = stability.shares[Part.HEADS]
    if not shares:
        return
    anywhere = stability.whatever_span
    yield ""
    yield f"Heads{_at_spans(stability)} by the share of runs that keep them (95% interval)"
    rows = []
    for share in shares[:MOST_HEADS]:
        low, high = share.interval
        row = (share.label, f"{share.share:.0%}", f"({low:.0%} to {high:.0%})")
        more = () if anywhere is None else (f"any span {_share_of(anywhere, share):.0%}",)
        rows.append((*row, *more))
    yield from table((left(), right(), left(), *([left()] if anywhere else [])), rows, indent=2)
    if len(shares) > MOST_HEADS:
        yield f"  and {len(shares) - MOST_HEADS} more, in heads.csv"


def _consensus(stability: Stability) -> Iterator[str]:
    yield ""
    yield "Consensus of edges kept by at least so many of the runs"
    names = ("share", "edges", "dead", "recovered", "KL", "correct")
    rows = []
    for point in stability.curve:
        recovered, inside = stability.faithfulness(point.behaviour), point.behaviour
        rows.append(
            (
                f"{point.share:.0%}",
                f"{point.n_edges:,}",
                str(point.n_dead),
                _percent(recovered),
                f"{inside.kl:.3f}",
                f"{inside.correct:.0%}",
                "<- consensus/" if point == stability.chosen else "",
            )
        )
    yield from table((*map(right, names), left()), rows, indent=2)


def _percent(share: float) -> str:
    return f"{share:.0%}" if share == share else "-"


def _mean(found: Agreement) -> str:
    between = "" if found.low is None else f" {whole(f'({found.low:.2f} to {found.high:.2f})')}"
    return f"{found.mean:.2f}{between}"


def _interval(found: Agreement) -> str:
    return "" if found.low is None else f" (95% interval {found.low:.0%} to {found.high:.0%})"


def _share_of(anywhere: InCommon, head: SelectionFrequency) -> float:
    """Of the same head, whatever the span."""
    return next(share.share for share in anywhere.shares[Part.HEADS] if share.member == merged(head.member))


def _labels(shares: list[SelectionFrequency]) -> str:
    names = [share.label for share in shares]
    more = f" and {len(names) - MOST_HEADS} more" if len(names) > MOST_HEADS else ""
    return ", ".join(names[:MOST_HEADS]) + more
