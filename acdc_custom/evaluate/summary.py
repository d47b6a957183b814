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
from acdc_custom.evaluate.verdict import superfluous
from acdc_custom.stats.intervals import Estimate

WIDTH = 110
NAMED = 24  # letters of the name of a set of prompts, or of a method
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
    yield (
        f"Circuit of {source.task} ({source.corruption}) in {source.model}: {source.n_edges:,} of {source.of_edges:,} "
        f"edges, {source.n_nodes} nodes"
    )
    yield ""
    for finding in evaluation.findings:
        yield f"{finding.question:<46} {finding.grade}"
        yield _wrapped(f"  {finding.sentence}")
        if finding.numbers:
            yield _wrapped(f"  ({finding.numbers})", "   ")


def _prompts(evaluation: Evaluation) -> Iterator[str]:
    yield ""
    yield "On each set of prompts, with 95 % intervals over the prompts"
    yield f"{'':<{NAMED}}{'n':>5}{'F(M)':>8}{'recovered':>21}{'|F(M) - F(C)|':>23}{'KL, nats':>26}{'correct':>9}"
    for on in evaluation.prompts:
        yield from _one_set(on)
    yield "  F: mean logit difference, M: model, C: circuit. Recovered: (F(C) - F(no edges)) / (F(M) - F(no edges))."
    yield "  Below a set: as many edges, chosen by other methods on the discovery prompts; all sets: evaluation.csv."


def _one_set(on: OnPrompts) -> Iterator[str]:
    model = on.of(Subject.MODEL)
    inside = on.of(Subject.CIRCUIT)
    assert model is not None and inside is not None  # they are run on every set
    name = textwrap.shorten(on.name, NAMED - 1, placeholder="...")
    yield f"{name:<{NAMED}}{on.n:>5}{model.logit_diff.value:>8.2f}{_numbers(inside)}"
    if on.kind in (PromptKind.DISCOVERY, PromptKind.FRESH):
        for title, ranked in on.ranked.items():
            yield f"{f'  {title}':<{NAMED + 13}}{_numbers(ranked)}"


def _numbers(it: Faithfulness) -> str:
    return f"{_share(it.normalised):>21}{_plain(it.absolute, 2):>23}{_plain(it.kl, 3):>26}{it.correct.value:>9.0%}"


def _random(evaluation: Evaluation) -> Iterator[str]:
    if not evaluation.random:
        return
    first = evaluation.random[0]
    yield ""
    yield f"Among {first.n} random circuits of its size each, on {first.prompts} (a small p speaks for the circuit)"
    yield f"{'':<20}{'mean KL':>10}{'5 % to 95 %':>18}{'p':>8}{'mean |F(M) - F(C)|':>22}{'5 % to 95 %':>18}{'p':>8}"
    for random in evaluation.random:
        yield _one_kind(random)
    for random in evaluation.random:
        yield f"  {random.drawn}: {random.drawn.about}."


def _one_kind(random: RandomCircuits) -> str:
    kl, absolute = random.kl, random.absolute
    return (
        f"{random.drawn:<20}{kl.mean:>10.3f}{f'{kl.low:.3f} to {kl.high:.3f}':>18}{kl.p:>8.2g}{absolute.mean:>22.2f}"
        f"{f'{absolute.low:.2f} to {absolute.high:.2f}':>18}{absolute.p:>8.2g}"
    )


def _completeness(evaluation: Evaluation) -> Iterator[str]:
    for each in evaluation.examined:
        if not each.knocked_out:
            continue
        yield ""
        yield f"Completeness on {each.prompts}: nodes K knocked out of both; the {SHOWN} largest differences"
        yield f"{'F(M without K)':>16}{'F(C without K)':>16}{'difference':>12}  K"
        for row in sorted(each.knocked_out, key=lambda row: -row.gap)[:SHOWN]:
            names = textwrap.shorten(", ".join(node.label for node in row.nodes), 40, placeholder=" ...")
            yield f"{row.model:>16.2f}{row.circuit:>16.2f}{row.gap:>12.2f}  {row.name}: {names}"


def _minimality(evaluation: Evaluation) -> Iterator[str]:
    if not evaluation.examined or not evaluation.examined[-1].edges:
        return
    yield ""
    yield "Minimality: mean absolute change of the logit difference without one part, as a share of F(M)"
    for each in evaluation.examined:
        yield f"  {each.prompts}: largest {_parts(each, -1)}"
        yield f"  {'':{len(each.prompts)}}  smallest {_parts(each, 1)}"
    if nothing := superfluous(evaluation.examined):
        names = ", ".join(removed.name for removed in nothing[:SHOWN])
        more = f" and {len(nothing) - SHOWN} more, in evaluation.json" if len(nothing) > SHOWN else ""
        yield _wrapped(f"  contribute nothing: {names}{more}", "    ")


def _parts(each: ComponentAblations, direction: int) -> str:
    parts = sorted(each.edges, key=lambda removed: direction * removed.moved)[:3]
    return "; ".join(f"{removed.name} {removed.moved / max(abs(each.model), 1e-9):.1%}" for removed in parts)


def _tests(evaluation: Evaluation) -> Iterator[str]:
    yield ""
    yield f"Hypothesis tests on {evaluation.main.name}, at {ALPHA} (a small p speaks against the circuit)"
    for test in evaluation.tests:
        rejected = test.p <= ALPHA
        meaning = test.hypothesis.rejected if rejected else test.hypothesis.retained
        yield f"  {test.hypothesis:<13}p = {test.p:<8.2g} {'rejected' if rejected else 'not rejected'}: {meaning}"
        yield f"  {'':<13}{test.details}"


def _share(estimate: Estimate | None) -> str:
    if estimate is None:
        return "nothing to recover"
    value, low, high = (round(x, 2) + 0.0 for x in (estimate.value, estimate.low, estimate.high))  # no -0 %
    return f"{value:.0%} ({low:.0%} to {high:.0%})"


def _plain(estimate: Estimate, digits: int) -> str:
    return f"{estimate.value:.{digits}f} ({estimate.low:.{digits}f} to {estimate.high:.{digits}f})"


def _wrapped(text: str, indent: str = "  ") -> str:
    return textwrap.fill(text, WIDTH, subsequent_indent=indent, break_long_words=False)
