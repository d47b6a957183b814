"""What stands above the picture: what was asked, what came out, how much is shown, and the legend.

Owns the words. All that a user made up (names of tasks, corruptions, models) is escaped here.
"""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterable, Sequence

from acdc_custom.choices import Ranking
from acdc_custom.circuit.circuit import Circuit
from acdc_custom.circuit.trust import on_test_prompts
from acdc_custom.export.selection import DrawnPart
from acdc_custom.export.style import (
    GREY,
    PORT_STYLES,
    ROLE_STYLES,
    badge_html,
    end_html,
    escape,
    font,
    head_html,
    line_html,
    mlp_html,
    number,
    shared_html,
    width,
)
from acdc_custom.graph import Port, parse_heads
from acdc_custom.heads.evidence import Role

LINE = 106  # characters
WIDTH_NOTE = "Line width: the effect of an edge, the rise of the metric when its removal was tested."
SCORED_WIDTH_NOTE = "Line width: the size of an edge's score."
GAP = "&#160;&#160;"  # between a meaning and the next sample, whatever the font
UNUSED_NOTE = "Grey q, k or v: no edge into it."
RANKED_BY = {
    Ranking.SIGNED: "the score: edges that help come first",
    Ranking.ABSOLUTE: "the size of the score, whether an edge helps or hurts",
}


def unit_of(circuit: Circuit) -> str:
    """The unit of the circuit's effects."""
    return circuit.unit


def with_unit(value: float, unit: str) -> str:
    """`0.123 nats`."""
    return f"{number(value)} {unit}".rstrip()


def title(circuit: Circuit) -> str:
    """One line of plain text, not escaped: which circuit this is."""
    corruption = f" ({circuit.corruption})" if circuit.corruption else ""
    kind = "Circuit" if circuit.search.share is None else "Consensus circuit"
    return f"{kind} of {circuit.task.name}{corruption} in {circuit.model.name}"


def facts(selection: DrawnPart) -> list[str]:
    """The lines under the title, plain text, not escaped."""
    circuit = selection.circuit
    settings, outcome = circuit.settings, circuit.outcome
    kept, shown = len(circuit.edges), len(selection.edges)
    clean, inside, empty = outcome.model, outcome.circuit, outcome.empty
    at = f", each at one of {len(circuit.spans)} spans" if circuit.in_positions else ""
    lines = [
        on_test_prompts(circuit),
        chosen_by(circuit),
        f"{kept:,} of {circuit.n_edges:,} edges kept{at}. {settings.ablation.capitalize()} ablation, "
        f"{settings.prompts.n} prompts, seed {settings.prompts.seed}.",
        f"On these, KL from the model: circuit {number(inside.kl)} nats, empty circuit {number(empty.kl)} nats.",
        f"Logit difference: model {number(clean.logit_diff)}, circuit {number(inside.logit_diff)}, "
        f"empty circuit {number(empty.logit_diff)}.",
    ]
    if consensus := circuit.search.consensus:
        lines.insert(0, f"{consensus.capitalize()}; an effect is the mean over the runs that keep the edge.")
    if settings.knock_out:
        heads = ", ".join(head.label for head in parse_heads(settings.knock_out))
        lines.append(f"Searched without {heads}: knocked out, all edges from there removed beforehand.")
    if not selection.is_whole:
        lines.append(f"{shown:,} of {kept:,} edges shown, the strongest by effect, and the nodes they join.")
    return lines


def chosen_by(circuit: Circuit) -> str:
    """How the edges were chosen, in one sentence."""
    settings = circuit.settings
    if settings.threshold is None:
        return f"The edges that {settings.method} ranks first, by {RANKED_BY[settings.ranking]}."
    about = settings.parsed_metric.about
    return f"Threshold {with_unit(settings.threshold, unit_of(circuit))}; metric: {about}."


def caption_html(selection: DrawnPart) -> str:
    """The caption and the legend, as the HTML-like label of the whole picture."""
    return block_html(title(selection.circuit), facts(selection), legend_html(selection))


def block_html(heading: str, lines: Iterable[str], legend: str) -> str:
    """A heading and lines of plain text over a legend, which is HTML-like."""
    rows = [_row(font(f"<B>{escape(line)}</B>", 16)) for line in _wrap(heading, LINE * 3 // 5)]
    for text in lines:
        rows += [_row(font(escape(line), 11)) for line in _wrap(text, LINE)]
    rows.append(_row(legend))
    return f'<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="2">{"".join(rows)}</TABLE>'


def _nothing(circuit: Circuit) -> str:
    if consensus := circuit.search.consensus:
        return f"No edge is in this {consensus}."
    if circuit.settings.threshold is None:
        return "No edge is in this circuit."
    amount = with_unit(circuit.settings.threshold, unit_of(circuit))
    return f"No edge is in this circuit: no removal raised the metric by {amount} or more."


def scale(selection: DrawnPart) -> list[float]:
    """Up to three round effects that span the drawn ones, smallest first, for the width scale."""
    effects = [kept.strength for kept in selection.edges if kept.strength > 0]
    if not effects:
        return []
    steps = [float(f"{digit}e{power}") for power in range(-12, 7) for digit in (1, 2, 5)]
    inside = [step for step in steps if min(effects) <= step <= max(effects)]
    if len(inside) < 2:
        return sorted({min(effects), max(effects)})
    return sorted({inside[0], inside[len(inside) // 2], inside[-1]})


def legend_html(selection: DrawnPart, *more: str, samples: Sequence[tuple[str, str]] | None = None) -> str:
    """A grid of samples and what they mean: nodes, lines, widths; `more` are rows that follow. `samples` of nodes and
    their meanings stand in place of the usual ones."""
    if not selection.edges:
        return font(escape(_nothing(selection.circuit)), 12)
    shape, unit = selection.circuit.shape, unit_of(selection.circuit)
    every = frozenset({Port.Q, Port.K, Port.V})
    own = (Port.Q,) if shape.grouped else (Port.Q, Port.K, Port.V)
    nodes = [(head_html("L3H5", own, every), "head 5 of layer 3")]
    if shape.grouped:
        nodes.append((shared_html("kv1", every), "k, v of the heads above"))
    if shape.has_mlp:
        nodes.append((mlp_html("MLP 3"), "MLP of layer 3"))
    nodes.append((end_html("embed", 44), "input and output"))
    targets = {Port.Q: "a query", Port.K: "a key", Port.V: "a value", Port.IN: "the logits"}
    if shape.has_mlp:
        targets[Port.IN] = "an MLP or the logits"
    lines = [
        (line_html(PORT_STYLES[port]), f"into {target} {PORT_STYLES[port].mark}") for port, target in targets.items()
    ]
    largest = max(kept.strength for kept in selection.edges)
    widths = [
        (line_html(PORT_STYLES[Port.IN], max(1, round(width(effect, largest)))), with_unit(effect, unit))
        for effect in scale(selection)
    ]
    rows = [
        "".join(sample_html(node, words) for node, words in (nodes if samples is None else samples)),
        *_roles(selection),
        *("".join(f"{_line(line)}{_meaning(words)}" for line, words in row) for row in (lines, widths)),
        note_html(f"{SCORED_WIDTH_NOTE if selection.circuit.is_scored else WIDTH_NOTE} {UNUSED_NOTE}"),
        *more,
    ]
    return (
        '<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="4">'
        + "".join(f"<TR>{row}</TR>" for row in rows if row)
        + "</TABLE>"
    )


def _roles(selection: DrawnPart) -> list[str]:
    """Roles of the drawn heads with their counts, four to a row."""
    counts = Counter(row.role for row in selection.head_rows.values())
    cells = [
        sample_html(badge_html(ROLE_STYLES[role]), f"{role}: {counts[role]} head{plural(counts[role])}")
        for role in Role
        if counts[role]
    ]
    return ["".join(cells[start : start + 4]) for start in range(0, len(cells), 4)]


def plural(n: int) -> str:
    """The s of more than one."""
    return "" if n == 1 else "s"


def note_html(text: str) -> str:
    """A cell of a legend that is as wide as all of it."""
    return f'<TD COLSPAN="8" ALIGN="LEFT">{_words(text)}</TD>'


def sample_html(sample: str, words: str) -> str:
    """Two cells of a legend: a sample, and what it means in plain words."""
    return f"<TD>{sample}</TD>{_meaning(words)}"


def _line(sample: str) -> str:
    return f'<TD FIXEDSIZE="TRUE" WIDTH="60" HEIGHT="18">{sample}</TD>'


def _meaning(words: str) -> str:
    return f'<TD ALIGN="LEFT">{font(escape(words) + GAP, 10, GREY)}</TD>'


def _words(text: str) -> str:
    return font(escape(text), 10, GREY)


def _row(content: str) -> str:
    return f'<TR><TD ALIGN="LEFT">{content}</TD></TR>'


def _wrap(text: str, limit: int) -> list[str]:
    return textwrap.wrap(text, limit, max_lines=4, placeholder=" …") or [""]
