"""The table of architectures in docs/models.md, made from their descriptions: `python -m acdc_custom.model.table`."""

from __future__ import annotations

from collections.abc import Iterator

from acdc_custom.model.architecture import ARCHITECTURES


def table() -> str:
    """A Markdown table, one line per architecture."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield "| Class | Models | In it | Only with |"
    yield "|---|---|---|---|"
    for name, architecture in ARCHITECTURES.items():
        features = "; ".join(architecture.features)
        required = ", ".join(f"`{option} = {value}`" for option, value in architecture.requires.items())
        yield f"| `{name}` | {architecture.title} | {features} | {required or '-'} |"


if __name__ == "__main__":
    print(table(), end="")
