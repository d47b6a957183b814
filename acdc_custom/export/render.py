"""A program of its own: DOT on standard input, a picture on standard output, by the Graphviz in pygraphviz.

For where there is no `dot` on the PATH. Run by path (`python render.py svg`), so that Graphviz, which is C, can neither
crash nor write into the terminal of the process that wants a picture. Exits with 3 if pygraphviz cannot be imported.
"""

from __future__ import annotations

import sys

NO_PYGRAPHVIZ = 3
PNG_DPI = 144


def main() -> int:
    """Render one picture."""
    try:
        from pygraphviz import AGraph
    except ImportError as error:
        print(error, file=sys.stderr)
        return NO_PYGRAPHVIZ
    picture_format = sys.argv[1]
    graph = AGraph(string=sys.stdin.buffer.read().decode())
    if picture_format == "png":
        graph.graph_attr["dpi"] = str(PNG_DPI)
    sys.stdout.buffer.write(graph.draw(format=picture_format, prog=graph.graph_attr.get("layout") or "dot"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
