"""A circuit as a picture file: SVG, PNG or PDF through Graphviz, or its DOT text.

Owns finding a Graphviz (a `dot` on the PATH, else the one in the wheels of pygraphviz), making its SVG fit to
stand alone in a browser, and writing the file whole or not at all. What is drawn is `dot.py`'s business.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from enum import StrEnum
from pathlib import Path

from acdc_custom.circuit.circuit import Circuit
from acdc_custom.errors import ResultError, UsageError, did_you_mean
from acdc_custom.export.caption import facts, title
from acdc_custom.export.columns_dot import to_column_dot
from acdc_custom.export.dot import to_dot
from acdc_custom.export.render import NO_PYGRAPHVIZ, PNG_DPI
from acdc_custom.export.selection import select
from acdc_custom.export.style import escape
from acdc_custom.files.writing import write_file
from acdc_custom.heads.table import HeadTable

PICTURES = ("circuit.dot", "circuit.svg")  # of every run
HOVER = ".edge:hover path,.edge:hover polygon,.edge:hover ellipse{stroke:#000000;stroke-opacity:1}"


class Format(StrEnum):
    """What a circuit can be drawn as; also the suffixes of picture files."""

    SVG = "svg"
    PNG = "png"
    PDF = "pdf"
    DOT = "dot"


def draw(circuit: Circuit, path: str | Path, max_edges: int | None = None, heads: HeadTable | None = None) -> Path:
    """Draw the strongest edges of a circuit (300 by default) into a file, in the format of its suffix.

    With a table of heads, these are coloured by role, and their tooltips show the evidence. The folder is made if
    need be; the file is written whole or not at all. Raises `UsageError` for a suffix that is no format,
    `ResultError` if there is no Graphviz or the file cannot be written.
    """
    path = Path(path)
    picture_format = _format_of(path)
    dot = dot_of(circuit, max_edges, heads)
    content: str | bytes = dot
    if picture_format is not Format.DOT:
        content = render(dot, picture_format)
    if isinstance(content, bytes) and picture_format is Format.SVG:
        content = standalone(content.decode(), title(circuit), " ".join(facts(select(circuit, max_edges))))
    return write_file(path, content)


def draw_pictures(
    circuit: Circuit, folder: Path, on_trouble: Callable[[ResultError], object], heads: HeadTable | None = None
) -> list[Path]:
    """Draw the pictures that every run has; gives their files. `on_trouble` hears why one could not be drawn, which is
    no reason to lose a result."""
    files = []
    for name in PICTURES:
        try:
            files.append(draw(circuit, folder / name, heads=heads))
        except ResultError as error:
            on_trouble(error)
    return files


def dot_of(circuit: Circuit, max_edges: int | None = None, heads: HeadTable | None = None) -> str:
    """The picture as DOT text: a circuit in positions in columns, another one in layers alone."""
    return (to_column_dot if circuit.in_positions else to_dot)(circuit, max_edges, heads)


def _format_of(path: Path) -> Format:
    suffix = path.suffix.removeprefix(".").lower()
    if suffix not in list(Format):
        given = f'ends in ".{suffix}"' if suffix else "has no suffix"
        raise UsageError(
            f"{path} {given}, which is no picture format.{did_you_mean(suffix, Format)} "
            f"Allowed: {', '.join(f'.{f}' for f in Format)}."
        )
    return Format(suffix)


def render(dot: str, picture_format: Format) -> bytes:
    """The picture of a DOT text, by the first Graphviz that is there and can draw it. Raises `ResultError`."""
    failed, missing = None, ""
    for command in _commands(picture_format):
        done = _run(command, dot)
        if done.returncode == 0 and done.stdout:
            return done.stdout
        if done.returncode != NO_PYGRAPHVIZ or command[0] != sys.executable:
            failed = done
        else:
            missing = " ".join(done.stderr.decode(errors="replace").split())
    if failed is None:
        raise ResultError(
            f"a {picture_format} needs Graphviz, and none was found ({missing}). Install it with `pip install "
            "pygraphviz`, or put a `dot` on the PATH. The .dot format needs nothing."
        )
    reason = failed.stderr.decode(errors="replace").strip().splitlines()
    raise ResultError(
        f"Graphviz could not draw the circuit as {picture_format} (exit code {failed.returncode}"
        + (f": {reason[-1]}" if reason else "")
        + "). Try fewer edges, or .dot."
    )


def _commands(picture_format: Format) -> Iterator[list[str]]:
    """What reads DOT and writes a picture: a `dot` on the PATH, then the Graphviz of pygraphviz's wheel. Both take the
    engine that the DOT names as its `layout`."""
    if system := shutil.which("dot"):
        yield [system, f"-T{picture_format}", *([f"-Gdpi={PNG_DPI}"] if picture_format is Format.PNG else [])]
    # Run by path: this works from a checkout, too. -P keeps this folder's modules out of the program's way.
    yield [sys.executable, "-P", str(Path(__file__).with_name("render.py")), picture_format]


def _run(command: list[str], dot: str) -> subprocess.CompletedProcess[bytes]:
    try:
        return subprocess.run(command, input=dot.encode(), capture_output=True, check=False)
    except OSError as error:
        reason = f"{command[0]} could not be started: {error.strerror}"
        return subprocess.CompletedProcess(command, 1, b"", reason.encode())


def standalone(svg: str, name: str, description: str) -> str:
    """Graphviz's SVG with a title, a description, a language and tooltips that every browser shows."""
    # Graphviz's own titles are internal names; what it makes of tooltips is no title to every browser.
    svg = re.sub(r'<title>[^<]*</title>\n(?=<g id="a_)', "", svg)
    svg = re.sub(r'<a xlink:title="([^"]*)">', r"<title>\1</title>", svg).replace("</a>\n", "")
    svg = svg.replace("<title> </title>\n", "")
    head = (
        '<svg lang="en" xml:lang="en" role="img" aria-labelledby="circuit-title circuit-description" '
        'style="max-width:100%;height:auto"'
    )
    texts = (
        f'<title id="circuit-title">{escape(name)}</title>\n'
        f'<desc id="circuit-description">{escape(description)}</desc>\n<style>{HOVER}</style>\n'
    )
    return re.sub(r"<svg([^>]*>)\n?", lambda found: f"{head}{found[1]}\n{texts}", svg, count=1)
