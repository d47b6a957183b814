"""An evaluation as text for the terminal: the verdict first, then the numbers.

Owns the words and the columns there.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from acdc_custom.evaluate.hypotheses import ALPHA
from acdc_custom.evaluate.kinds import PromptKind, Subject
from acdc_custom.evaluate.records import (
    ComponentAblations,
    Evaluation,
    Faithfulness,
    OnPrompts,
    RandomCircuits,
)
from acdc_custom.evaluate.taken_apart import superfluous
from acdc_custom.files.columns import WIDEST, left, paragraph, right, table, whole
from acdc_custom.stats.intervals import Estimate
from acdc_custom.stats.means import MANY, coverage_if_skewed

GAP = "|F(M) - F(C)|"
NAMED = 24  # letters of the name of a set of prompts
SHOWN = 5  # edges that contribute nothing, and knock-outs


def summarize_evaluation(evaluation: Evaluation) -> str:
    """All of it, in some fifty lines."""
    return "\n".join(
        [
            *_verdict(evaluation),
            *_prompts(evaluation),
            *_random(evaluation),
            *_completeness(evaluation),
            *_minimality(evaluation),
            *_tests(evaluation),
            *(_wrapped(f"Note: {note}", "      ") for note in evaluation.notes),
        ]
    )


def _verdict(evaluation: Evaluation) -> Iterator[str]:
    source = evaluation.source
    yield _wrapped(
        f"Circuit of {source.task} ({source.corruption}) in {source.model}: {source.n_edges:,} of {source.of_edges:,} "
        f"edges, {source.n_nodes} nodes{_at_spans(evaluation)}"
    )
    yield ""
    grades = table(
        (left(), left()), [(whole(finding.question), finding.grade) for finding in evaluation.findings], width=WIDEST
    )
    for finding, grade in zip(evaluation.findings, grades, strict=True):
        yield grade
        yield _wrapped(f"  {finding.sentence}")
        if finding.numbers:
            yield _wrapped(f"  ({finding.numbers})", "   ")


def _at_spans(evaluation: Evaluation) -> str:
    n = evaluation.source.n_spans
    return f", each counted at every one of {n} spans" if n else ""


def _prompts(evaluation: Evaluation) -> Iterator[str]:
    yield ""
    yield "On each set of prompts, with 95 % intervals over the prompts"
    names = ("n", "F(M)", "recovered", whole(GAP), "KL, nats", "correct")
    yield from table((left(), *map(right, names)), [row for on in evaluation.prompts for row in _one_set(on)])
    for legend in (
        *_coverage(evaluation),
        "F: mean logit difference, M: model, C: circuit. Recovered: (F(C) - F(no edges)) / (F(M) - F(no edges)).",
        *[f"{Subject.MERGED}: {Subject.MERGED.about}."] * bool(evaluation.source.n_spans),
        "Below a set: as many edges, chosen by other methods on the discovery prompts; all sets: evaluation.csv.",
    ):
        yield from paragraph(legend, "  ", "  ")


def _coverage(evaluation: Evaluation) -> Iterator[str]:
    """How much is left of 95 % on few prompts."""
    few = sorted({on.n for on in evaluation.prompts if on.n < MANY})
    if not few:
        return
    shares = ", ".join(f"{coverage_if_skewed(n):.0%} on {n}" for n in few)
    yield (
        f"On fewer than {MANY} prompts an interval holds the truth in 95 % of cases only where the numbers are "
        f"nearly normal; where they are as skewed as exponential ones, in {shares}."
    )
    if few[0] == 1:
        yield "A single prompt has no interval."


def _one_set(on: OnPrompts) -> Iterator[tuple[str, ...]]:
    model = on.of(Subject.MODEL)
    inside = on.of(Subject.CIRCUIT)
    assert model is not None and inside is not None  # they are run on every set
    name = textwrap.shorten(on.name, NAMED - 1, placeholder="...")
    yield (name, str(on.n), f"{model.logit_diff.value:.2f}", *_numbers(inside))
    if on.kind in (PromptKind.DISCOVERY, PromptKind.FRESH):
        if merged := on.of(Subject.MERGED):
            yield (f"  {Subject.MERGED}", "", "", *_numbers(merged))
        for title, ranked in on.ranked.items():
            yield (f"  {title}", "", "", *_numbers(ranked))


def _numbers(it: Faithfulness) -> tuple[str, ...]:
    return _share(it.normalised), _plain(it.absolute, 2), _plain(it.kl, 3), f"{it.correct.value:.0%}"


def _random(evaluation: Evaluation) -> Iterator[str]:
    if not evaluation.random:
        return
    first = evaluation.random[0]
    yield ""
    yield _wrapped(f"Among random circuits of its size, on {first.prompts} (a small p speaks for the circuit)")
    names = ("circuits", "mean KL", "5 % to 95 %", "p", f"mean {whole(GAP)}", "5 % to 95 %", "p")
    yield from table((left(), *map(right, names)), [_one_kind(random) for random in evaluation.random])
    for random in evaluation.random:
        yield from paragraph(f"{random.drawn}: {random.drawn.about}.", "  ", "  ")


def _one_kind(random: RandomCircuits) -> tuple[str, ...]:
    kl, absolute = random.kl, random.absolute
    return (
        random.drawn,
        str(random.n),
        f"{kl.mean:.3f}",
        whole(f"{kl.low:.3f} to {kl.high:.3f}"),
        f"{kl.p:.2g}" if random.enough else "unknown",
        f"{absolute.mean:.2f}",
        whole(f"{absolute.low:.2f} to {absolute.high:.2f}"),
        f"{absolute.p:.2g}" if random.enough else "unknown",
    )


def _completeness(evaluation: Evaluation) -> Iterator[str]:
    for each in evaluation.examined:
        if not each.knocked_out:
            continue
        yield ""
        yield _wrapped(f"Completeness on {each.prompts}: nodes K knocked out of both; the {SHOWN} largest differences")
        rows = []
        for row in sorted(each.knocked_out, key=lambda row: -row.gap)[:SHOWN]:
            names = textwrap.shorten(", ".join(place.label for place in row.places), 40, placeholder=" ...")
            rows.append((f"{row.model:.2f}", f"{row.circuit:.2f}", f"{row.gap:.2f}", f"{row.name}: {names}"))
        heads = (right("F(M without K)"), right("F(C without K)"), right("difference"), left("K"))
        yield from table(heads, rows, indent=2)


def _minimality(evaluation: Evaluation) -> Iterator[str]:
    if not evaluation.examined or not evaluation.examined[-1].edges:
        return
    yield ""
    yield _wrapped("Minimality: mean absolute change of the logit difference without one part, as a share of F(M)")
    rows: list[tuple[str, ...]] = []
    for each in evaluation.examined:
        rows += [(f"{each.prompts}:", f"largest {_parts(each, -1)}"), ("", f"smallest {_parts(each, 1)}")]
    yield from table((left(), left()), rows, indent=2)
    if nothing := superfluous(evaluation.examined):
        names = ", ".join(removed.name for removed in nothing[:SHOWN])
        more = f" and {len(nothing) - SHOWN} more, in evaluation.json" if len(nothing) > SHOWN else ""
        yield _wrapped(f"  contribute nothing: {names}{more}", "    ")


def _parts(each: ComponentAblations, direction: int) -> str:
    parts = sorted(each.edges, key=lambda removed: direction * removed.moved)[:3]
    return "; ".join(whole(f"{removed.name} {removed.moved / max(abs(each.model), 1e-9):.1%}") for removed in parts)


def _tests(evaluation: Evaluation) -> Iterator[str]:
    yield ""
    yield _wrapped(f"Hypothesis tests on {evaluation.main.name}, at {ALPHA} (a small p speaks against the circuit)")
    rows: list[tuple[str, ...]] = []
    for test in evaluation.tests:
        rejected = test.p <= ALPHA
        meaning = test.hypothesis.rejected if rejected else test.hypothesis.retained
        outcome = "rejected" if rejected else "not rejected"
        rows += [(test.hypothesis, whole(f"p = {test.p:.2g}"), f"{outcome}: {meaning}"), ("", "", test.details)]
    yield from table((left(), left(), left()), rows, indent=2)


def _share(estimate: Estimate | None) -> str:
    if estimate is None:
        return "not defined here"
    value, low, high = (round(x, 2) + 0.0 for x in (estimate.value, estimate.low, estimate.high))  # no -0 %
    return f"{value:.0%} {whole(f'({low:.0%} to {high:.0%})')}"


def _plain(estimate: Estimate, digits: int) -> str:
    return f"{estimate.value:.{digits}f} {whole(f'({estimate.low:.{digits}f} to {estimate.high:.{digits}f})')}"


def _wrapped(text: str, indent: str = "  ") -> str:
    return "\n".join(paragraph(text, later=indent))
