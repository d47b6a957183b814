"""A circuit as a notebook shows it: its picture, which can be made larger, with what is known of it below.

Owns the form. Nothing is loaded from anywhere, and no script runs: it looks the same offline, in an exported page, and
in a notebook that is not trusted.
"""

from __future__ import annotations

import hashlib
import html
from typing import cast

from acdc_custom.circuit.circuit import Circuit
from acdc_custom.circuit.subgraph import Subgraph
from acdc_custom.circuit.summary import summarize
from acdc_custom.errors import ResultError, count
from acdc_custom.export.caption import facts, title
from acdc_custom.export.dot import to_bare_dot
from acdc_custom.export.picture import Format, dot_of, render, standalone
from acdc_custom.export.selection import select

SIZES = {  # of the picture: what is clicked, and how wide it is then
    "fit": "max-width:100%;max-height:620px",
    "2x": "width:200%;max-width:none!important",
    "4x": "width:400%;max-width:none!important",
}
STRONGEST = 5  # edges in the summary


def shown(subgraph: Subgraph) -> str:
    """The HTML of a circuit, or of some edges; without a Graphviz, the summary alone."""
    summary = summarize(subgraph, STRONGEST) if isinstance(subgraph, Circuit) else _edges(subgraph)
    below = f'<pre style="white-space:pre-wrap;line-height:1.35">{html.escape(summary)}</pre>'
    if not subgraph.edges:
        return below
    try:
        picture = _picture(subgraph)
    except ResultError as error:
        return f"<p>{html.escape(str(error))}</p>{below}"
    return _zoomable(picture) + below


def _picture(subgraph: Subgraph) -> str:
    """An SVG of the strongest edges, with a caption where anything is measured."""
    if isinstance(subgraph, Circuit):
        dot, name, about = dot_of(subgraph), title(subgraph), " ".join(facts(select(subgraph)))
    else:
        part = select(cast(Circuit, subgraph))  # what has no caption asks for nothing but edges
        dot, name, about = to_bare_dot(part), repr(subgraph).strip("<>"), _edges(subgraph)
    svg = standalone(render(dot, Format.SVG).decode(), name, about)
    return svg[svg.index("<svg") :]


def _zoomable(svg: str) -> str:
    """The picture in a frame, with buttons for its size that need no script: names are its own, whatever else a
    notebook holds."""
    own = "circuit" + hashlib.sha256(svg.encode()).hexdigest()[:10]
    svg = svg.replace("circuit-title", f"{own}-title").replace("circuit-description", f"{own}-description")
    buttons = "".join(
        f'<label><input type="radio" name="{own}" class="s{place}"{" checked" * (place == 0)}> {size}</label> '
        for place, size in enumerate(SIZES)
    )
    rules = "".join(f"#{own}:has(.s{place}:checked) svg{{{style}}}" for place, style in enumerate(SIZES.values()))
    style = f"#{own} .frame{{overflow:auto;max-height:640px;background:#fff;border:1px solid #8884}}{rules}"
    return f'<div id="{own}"><style>{style}</style><div>{buttons}</div><div class="frame">{svg}</div></div>'


def _edges(subgraph: Subgraph) -> str:
    """What is known of edges that nothing was measured of."""
    lines = [f"{kept.edge}  {kept.effect:.4f}" for kept in subgraph.strongest(STRONGEST)]
    more = len(subgraph.edges) - len(lines)
    return "\n".join(
        [
            f"{repr(subgraph).strip('<>')}. Effects are those of the search.",
            *lines,
            *([f"and {count(more, 'more edge')}"] if more else []),
        ]
    )
