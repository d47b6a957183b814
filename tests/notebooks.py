"""Runs the notebooks of the docs without Jupyter: cell by cell in one namespace, keeping what each would show.

As a program, it writes what the cells show into the notebooks:

python tests/notebooks.py docs/*.ipynb
"""

from __future__ import annotations

import ast
import contextlib
import io
import json
import sys
from pathlib import Path
from typing import Any

FORMS = {"_repr_html_": "text/html", "_repr_svg_": "image/svg+xml"}


def read(path: Path) -> dict[str, Any]:
    """The notebook."""
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content


def code_cells(notebook: dict[str, Any]) -> list[dict[str, Any]]:
    """The cells that are run."""
    return [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]


def run(notebook: dict[str, Any]) -> list[list[dict[str, Any]]]:
    """What each code cell shows, in order."""
    names: dict[str, Any] = {"__name__": "__main__"}
    return [_outputs("".join(cell["source"]), names, n) for n, cell in enumerate(code_cells(notebook), 1)]


def _outputs(source: str, names: dict[str, Any], number: int) -> list[dict[str, Any]]:
    said = io.StringIO()
    tree = ast.parse(source)
    last = tree.body[-1] if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    with contextlib.redirect_stdout(said):
        exec(compile(ast.Module(tree.body[:-1] if last else tree.body, []), "cell", "exec"), names)
        value = None if last is None else eval(compile(ast.Expression(last.value), "cell", "eval"), names)
    outputs: list[dict[str, Any]] = []
    if said.getvalue():
        outputs.append({"output_type": "stream", "name": "stdout", "text": said.getvalue().splitlines(keepends=True)})
    if value is not None:
        texts = {form: getattr(value, method)() for method, form in FORMS.items() if hasattr(value, method)}
        texts["text/plain"] = repr(value)
        shown = {form: text.splitlines(keepends=True) for form, text in texts.items() if text is not None}
        result = {"output_type": "execute_result", "execution_count": number, "metadata": {}, "data": shown}
        outputs.append(result)
    return outputs


def kinds(outputs: list[dict[str, Any]]) -> list[list[str]]:
    """What a cell shows, by kind: `stream`, or the forms of a value."""
    return [sorted(output.get("data", [output["output_type"]])) for output in outputs]


def main(paths: list[str]) -> None:
    """Run notebooks, and write what they show into them."""
    for path in map(Path, paths):
        notebook = read(path)
        for number, (cell, outputs) in enumerate(zip(code_cells(notebook), run(notebook), strict=True), 1):
            cell |= {"execution_count": number, "outputs": outputs}
        path.write_text(json.dumps(notebook, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
