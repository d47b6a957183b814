"""The report as one HTML file: which parts it has, in which order, and what each is given.

Owns the outline. The words are in `words.py`, the looks in `assets/`; what is shown comes in as `Contents`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from acdc_custom.choices import Ablation
from acdc_custom.circuit.circuit import Circuit
from acdc_custom.circuit.commands import command, evaluate_command, stability_command
from acdc_custom.circuit.trust import on_test_prompts
from acdc_custom.export.caption import title, unit_of
from acdc_custom.export.selection import DrawnPart, select
from acdc_custom.export.style import PORT_STYLES, number
from acdc_custom.graph import Place, Port
from acdc_custom.page.panels import INPUTS, drawn_receiver, drawn_sender, panels, receiver_label
from acdc_custom.page.picture import inline_svg, to_look_at
from acdc_custom.page.template import render
from acdc_custom.progress.protocol import Progress, silent
from acdc_custom.report import figures, words
from acdc_custom.report.believed import believed_of
from acdc_custom.report.beside import NOTHING, RelatedResults
from acdc_custom.report.contents import Contents
from acdc_custom.report.roles import roles_of
from acdc_custom.report.stable import stable_of
from acdc_custom.version import __version__

SCRIPTS = ("zoom.js", "nodes.js", "filters.js", "pins.js", "tables.js", "attention.js")
MOST_EDGES = 20  # in the table of strongest edges


@dataclass(frozen=True)
class Section:
    """A section of the page. Its template is `part_NAME.html`."""

    name: str
    heading: str


@dataclass(frozen=True)
class Number:
    """One of the numbers at the top."""

    value: str
    label: str
    more: str = ""


def report_page(contents: Contents, beside: RelatedResults = NOTHING, on_progress: Progress = silent) -> str:
    """The whole page. `on_progress` hears what is about to be made. Raises `ResultError` without a Graphviz."""
    circuit = contents.circuit
    steps = beside.steps
    selection = select(circuit, heads=contents.heads)
    drawn = selection if steps is None else select(steps.union, heads=contents.heads)
    roles = contents.heads and roles_of(contents.heads)
    on_progress("drawing the circuit", 0, 1)
    svg, merged = "", ""
    if circuit.in_positions and circuit.edges:
        merged = _without_positions(circuit, contents)
    if drawn.edges:
        svg = inline_svg(drawn) if steps is None else inline_svg(drawn, steps=steps.of_edges, here=steps.here)
    on_progress("drawing figures", 0, 1)
    return render(
        "report.html",
        SCRIPTS,
        version=__version__,
        date=circuit.created.partition("T")[0],
        title=title(circuit),
        parts=list(outline(contents, beside)),
        numbers=headline(circuit),
        merged=Markup(merged),
        svg=Markup(svg),  # made by Graphviz from escaped text, and written anew by an XML library
        panels=list(panels(DrawnPart(circuit, drawn.edges, contents.heads))) if drawn.edges else [],
        steps=steps,
        in_short=words.in_short(circuit, contents.heads, beside.evaluation is not None),
        legend=legend(circuit),
        roles=roles,
        facts=contents.facts,
        figures=contents.figures,
        attention=contents.attention and contents.attention.to_content(),
        attention_heads=[head.name for head in contents.attention.heads] if contents.attention else [],
        spread=figures.model_spread(contents),
        spreads=figures.all_spreads(contents),
        **_facts(contents),
        **_beside(contents, beside),
        **_edges(circuit, len(selection.edges)),
    )


def _without_positions(circuit: Circuit, contents: Contents) -> str:
    """The picture of the same circuit in layers alone, to look at."""
    return to_look_at(inline_svg(select(circuit.at_all_spans, heads=contents.heads)))


def outline(contents: Contents, beside: RelatedResults) -> list[Section]:
    """The sections: those that have something to show, and whether the circuit can be believed in any case."""
    parts = [
        Section("circuit", "The circuit"),
        Section("question", "What was asked"),
        Section("model", "How well the model does it"),
        Section("does", "What the circuit does"),
        Section("believed", "Can it be believed?"),
    ]
    if beside.stability or contents.circuit.search.consensus:
        parts.append(Section("stable", "How stable is it?"))
    if contents.heads:
        parts.append(Section("roles", "What the heads do"))
    if contents.attention:
        parts.append(Section("heads", "Where heads look"))
    if contents.figures:
        parts.append(Section("figures", "Figures"))
    return [
        *parts,
        Section("search", "How it was found"),
        Section("again", "How to find it again"),
        Section("limits", "What this does not show"),
    ]


def headline(circuit: Circuit) -> list[Number]:
    """The numbers at the top."""
    outcome, kept, total = circuit.outcome, len(circuit.edges), circuit.n_edges
    return [
        Number(f"{kept:,}", "edges kept", f"of {total:,}"),
        Number(f"{len(circuit.nodes):,}", "nodes that send", f"of {len(circuit.graph.senders):,}"),
        *_tested(circuit),
        Number(_share(outcome.faithfulness), "of the logit difference recovered", "on the prompts of the search"),
    ]


def _tested(circuit: Circuit) -> list[Number]:
    """On the test prompts."""
    test = circuit.test
    if test is None:
        return []
    its, on = test.faithfulness, f"on {test.n} prompts that the search has not seen"
    within = "" if its is None else f", 95 % interval {100 * its.low:.0f} to {100 * its.high:.0f} %"
    return [
        Number("-" if its is None else _share(its.value), "of the logit difference recovered", on + within),
        Number(words.percent(test.circuit.correct), "of these: the answer wins, circuit alone"),
        Number(words.percent(test.model.correct), "of these: the answer wins, whole model"),
    ]


def legend(circuit: Circuit) -> list[dict[str, str]]:
    """What the lines mean."""
    meanings = {Port.Q: "into a query", Port.K: "into a key", Port.V: "into a value"}
    meanings[Port.IN] = "into an MLP or the logits" if circuit.shape.has_mlp else "into the logits"
    dashes = {Port.Q: "", Port.K: "9 4", Port.V: "2 4", Port.IN: ""}
    return [
        {"colour": PORT_STYLES[port].colour, "dashes": dashes[port], "meaning": meaning}
        for port, meaning in meanings.items()
    ]


def _facts(contents: Contents) -> dict[str, Any]:
    """What the parts say in words and numbers."""
    circuit = contents.circuit
    versions, now = _versions(circuit.packages), _versions(contents.packages)
    return {
        "circuit": circuit,
        "settings": circuit.settings,
        "outcome": circuit.outcome,
        "question": contents.question,
        "examples": contents.examples,
        "places": contents.places,
        "model": contents.model,
        "finding": words.finding(circuit),
        "on_test_prompts": on_test_prompts(circuit),
        "model_verdict": words.model_verdict(circuit),
        "circuit_verdict": words.circuit_verdict(circuit),
        "knocked_out": words.knocked_out(circuit),
        "faithfulness": _share(circuit.outcome.faithfulness),
        "ablation": Ablation(circuit.settings.ablation).about,
        "search_facts": words.search_facts(circuit),
        "settings_table": list(words.settings_table(circuit)),
        "limits": list(words.limits(circuit)),
        "command": command(contents.task, contents.model_name, circuit.settings),
        "versions": versions,
        "versions_now": now if now != versions else "",
        "percent": words.percent,
        "short": number,
        "nats": words.nats,
        "hundredths": words.hundredths,
    }


def _beside(contents: Contents, beside: RelatedResults) -> dict[str, Any]:
    """What other commands have found out, or how to find it out."""
    evaluation, stability, circuit = beside.evaluation, beside.stability, contents.circuit
    return {
        "believed": evaluation and believed_of(evaluation),
        "believed_figure": evaluation and figures.evaluation_figure(evaluation),
        "evaluate_command": evaluate_command(beside.folder),
        "stable": stability and stable_of(stability, circuit),
        "stable_figure": stability and figures.study_figure(stability),
        "stability_command": stability_command(contents.task, contents.model_name, circuit.settings),
    }


def _edges(circuit: Circuit, shown: int) -> dict[str, Any]:
    strongest = [
        {
            "sender": drawn_sender(kept),
            "sender_label": Place(kept.edge.sender, kept.edge.span).label,
            "receiver": drawn_receiver(kept),
            "receiver_label": receiver_label(kept.edge.receiver),
            "port": INPUTS[kept.edge.receiver.port],
            "effect": kept.effect,
            "edge": str(kept.edge),
            "strength": kept.strength,
        }
        for kept in circuit.strongest(MOST_EDGES)
    ]
    return {
        "strongest": strongest,
        "kept": len(circuit.edges),
        "shown": shown,
        "whole": shown == len(circuit.edges),
        "unit": unit_of(circuit),
        "effect_is": words.effect_is(circuit),
        "largest": max((kept.strength for kept in circuit.edges), default=0.0) or 1.0,
    }


def _share(value: float) -> str:
    return "none to recover" if math.isnan(value) else words.percent(value)


def _versions(packages: Any) -> str:
    return ", ".join(f"{name} {version}" for name, version in packages.items())
