"""How each thing in a picture looks: colours, line styles, widths, and the HTML-like labels of Graphviz.

Owns appearance and escaping. Colours are Okabe and Ito's, which colour-blind readers can tell apart; line
styles and arrow heads say the same in greyscale. Knows nothing of layout.
"""

from __future__ import annotations

import html
import math
import re
from dataclasses import dataclass

from acdc_custom.graph import Port
from acdc_custom.heads.evidence import Role

FONT = "Helvetica,Arial,sans-serif"
INK = "#222222"
GREY = "#6b6b6b"
WIDEST = 7.0  # points
THINNEST = 0.9


@dataclass(frozen=True)
class PortStyle:
    """The look of the edges into one kind of input."""

    colour: str
    tint: str  # of the cell in which such an edge ends
    line: str
    arrow: str
    dashes: tuple[int, ...]  # bar and gap by turns, for the legend
    mark: str  # the arrow head, for the legend


PORT_STYLES = {
    Port.Q: PortStyle("#0072b2", "#cfe5f3", "solid", "normal", (44,), "▲"),
    Port.K: PortStyle("#d55e00", "#fbdcc6", "dashed", "diamond", (9, 4) * 3 + (9,), "◆"),
    Port.V: PortStyle("#007a5a", "#c5ebde", "dotted", "dot", (2, 5) * 6 + (2,), "●"),
    Port.IN: PortStyle("#555555", "#ffffff", "solid", "normal", (44,), "▲"),
}


@dataclass(frozen=True)
class Badge:
    """What the name of a node stands on, to tell kinds of nodes apart."""

    fill: str
    mark: str  # stands under the head's name, so that nobody has to tell colours apart


# Paul Tol's light colours, made for cells with dark text and for colour-blind readers.
ROLE_STYLES = {
    Role.NAME_MOVER: Badge("#77aadd", "NM"),
    Role.NEGATIVE_NAME_MOVER: Badge("#ee8866", "neg. NM"),
    Role.CUE_MOVER: Badge("#eedd88", "cue"),
    Role.S_INHIBITION: Badge("#ffaabb", "S-inh."),
    Role.INDUCTION: Badge("#44bb99", "ind."),
    Role.DUPLICATE_TOKEN: Badge("#bbcc33", "dup."),
    Role.PREVIOUS_TOKEN: Badge("#99ddff", "prev."),
    Role.UNCLASSIFIED: Badge("#dddddd", "?"),
}


def escape(text: str) -> str:
    """Text from anywhere, made safe within a label, an attribute or an SVG: one line, no markup, no control."""
    visible = re.sub(r"[^\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "\ufffd", " ".join(text.split()))
    return html.escape(visible, quote=True).replace("\\", "&#92;")


def number(value: float) -> str:
    """Three significant digits."""
    return f"{value:.3g}"


def width(effect: float, largest: float) -> float:
    """The width of an edge in points: it grows with the square root of the effect."""
    share = effect / largest if effect > 0 and largest > 0 and math.isfinite(effect) else 0.0
    return round(max(THINNEST, WIDEST * math.sqrt(min(share, 1.0))), 2)


def shade(colour: str, effect: float, largest: float) -> str:
    """The colour of an edge: weak ones are mixed with white, so that they step back behind strong ones."""
    share = 0.5 + 0.5 * width(effect, largest) / WIDEST
    channels = (int(colour[place : place + 2], 16) for place in (1, 3, 5))
    return "#" + "".join(f"{round(255 - share * (255 - channel)):02x}" for channel in channels)


def font(text: str, size: int, colour: str = INK) -> str:
    """Escaped text in one size."""
    return f'<FONT POINT-SIZE="{size}" COLOR="{colour}">{text}</FONT>'


def head_html(label: str, ports: tuple[Port, ...], used: frozenset[Port], badge: Badge | None = None) -> str:
    """A head: a name over one cell for each of its own inputs, coloured where an edge ends in it.

    With a badge, the name stands on its colour, and its mark below.
    """
    fill = "" if badge is None else f' BGCOLOR="{badge.fill}"'
    mark = "" if badge is None else f"<BR/>{font(badge.mark, 8)}"
    return (
        f'<TABLE BORDER="1" COLOR="{INK}" CELLBORDER="0" CELLSPACING="0" CELLPADDING="1" BGCOLOR="#ffffff">'
        f'<TR><TD COLSPAN="{len(ports)}" CELLPADDING="2"{fill}>{font(label, 11)}{mark}</TD></TR>'
        f"<TR>{_cells(ports, used)}</TR></TABLE>"
    )


def badge_html(badge: Badge) -> str:
    """A sample of a badge for the legend."""
    return (
        f'<TABLE BORDER="1" COLOR="{INK}" CELLBORDER="0" CELLSPACING="0" CELLPADDING="2" BGCOLOR="{badge.fill}"><TR>'
        f'<TD WIDTH="44">{font(badge.mark, 8)}</TD></TR></TABLE>'
    )


def shared_html(label: str, used: frozenset[Port]) -> str:
    """A key/value head that several query heads share: its inputs and its name in one low row."""
    return (
        f'<TABLE BORDER="1" COLOR="{GREY}" CELLBORDER="0" CELLSPACING="0" CELLPADDING="1" BGCOLOR="#ffffff"><TR>'
        f'{_cells((Port.K, Port.V), used)}<TD WIDTH="26">{font(label, 9)}</TD></TR></TABLE>'
    )


def _cells(ports: tuple[Port, ...], used: frozenset[Port]) -> str:
    return "".join(
        f'<TD PORT="{port}" WIDTH="13" HEIGHT="11" '
        f'BGCOLOR="{PORT_STYLES[port].tint if port in used else "#f4f4f4"}">'
        f"{font(port, 8, INK if port in used else '#9a9a9a')}</TD>"
        for port in ports
    )


def mlp_html(label: str, badge: Badge | None = None) -> str:
    """An MLP: a rounded box. With a badge, in its colour, its mark below the name."""
    fill, mark = ("#ece7d8", "") if badge is None else (badge.fill, f"<BR/>{font(badge.mark, 8)}")
    return (
        f'<TABLE BORDER="1" STYLE="ROUNDED" COLOR="{INK}" CELLBORDER="0" CELLSPACING="0" CELLPADDING="5" '
        f'BGCOLOR="{fill}"><TR><TD>{font(label, 11)}{mark}</TD></TR></TABLE>'
    )


def end_html(label: str, width_points: int = 90) -> str:
    """The embedding or the logits: light text on a dark bar."""
    return (
        f'<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="5" BGCOLOR="{INK}"><TR>'
        f'<TD WIDTH="{width_points}">{font(label, 12, "#ffffff")}</TD></TR></TABLE>'
    )


def line_html(style: PortStyle, thickness: int = 3) -> str:
    """A sample of a line for the legend, drawn in bars."""
    bars = "".join(
        f'<TD WIDTH="{length}" HEIGHT="{thickness}" FIXEDSIZE="TRUE"'
        + (f' BGCOLOR="{style.colour}"' if place % 2 == 0 else "")
        + "></TD>"
        for place, length in enumerate(style.dashes)
    )
    return f'<TABLE BORDER="0" CELLBORDER="0" CELLSPACING="0" CELLPADDING="0"><TR>{bars}</TR></TABLE>'
