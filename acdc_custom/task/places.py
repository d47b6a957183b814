"""Names for places in a prompt: the positions and the spans of a task file, and which tokens they are.

Owns what [positions] and [spans] may hold, and how a place is found in a prompt. Which span every other token is in is
`spans.py`'s business.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import partial

from acdc_custom.task.pattern import Ref, Resolve, TextSpan, Where, parse_where, refs
from acdc_custom.task.spans import END, START
from acdc_custom.task.spec import RowSpec, SpanCut, Stretch, TemplateSpec
from acdc_custom.task.tables import Table
from acdc_custom.task.tokens import Encoding

_POSITION_EXAMPLE = {"*": 'S1 = "{A}"'}
_SPAN_EXAMPLE = {"*": '[spans] then people = ["{A}", "{B}"]'}
_RESERVED = {
    END: "END is always the last token of the prompt and cannot be given",
    START: "start is always what stands before the first span and cannot be given",
}
_TOKEN = re.compile(r"t\d+")

Slots = Sequence[tuple[Ref, TextSpan]]  # where slots' words lie in a text


def token_name(place: int) -> str:
    """What the span of one token is called that no position names."""
    return f"t{place}"


def read_positions(top: Table, resolve: Resolve | None) -> dict[str, Where]:
    """[positions]; gathers. Without slots that are right, nothing can be said of them."""
    positions: dict[str, Where] = {}
    if "positions" not in top.values or resolve is None:
        return positions
    with top.gather():
        table = top.table("positions", _POSITION_EXAMPLE)
        for name in table.values:
            with table.gather():
                if name == END:
                    table.fail(END, _RESERVED[END])
                if not name.strip():
                    table.fail(name, "a position needs a name")
                if top.values.get("spans") == SpanCut.TOKENS and _TOKEN.fullmatch(name):
                    table.fail(name, f'with spans = "{SpanCut.TOKENS}", a token without a name is called so')
                text = table.need(name, str)
                positions[name] = table.checked(name, partial(parse_where, text, resolve))
    return positions


def read_spans(
    top: Table, prompts: TemplateSpec | RowSpec | None, resolve: Resolve | None
) -> Mapping[str, Stretch] | SpanCut:
    """[spans], or the name of a way to cut prompts; gathers. Empty if the file has none, or cannot say which.

    `prompts` None: something else is wrong with them.
    """
    spans: dict[str, Stretch] = {}
    if "spans" not in top.values or resolve is None:
        return spans
    if top.values["spans"] == SpanCut.TOKENS:
        return SpanCut.TOKENS
    with top.gather():
        if type(top.values["spans"]) is str:
            top.fail("spans", f'has to be a table, or "{SpanCut.TOKENS}" for one span per token')
        table = top.table("spans", _SPAN_EXAMPLE)
        if not table.values:
            top.fail("spans", "there is no span")
        for name in table.values:
            with table.gather():
                spans[name] = _stretch(table, name, prompts, resolve)
    return spans


def _stretch(table: Table, name: str, prompts: TemplateSpec | RowSpec | None, resolve: Resolve) -> Stretch:
    if name in _RESERVED:
        table.fail(name, _RESERVED[name])
    if not name.strip():
        table.fail(name, "a span needs a name")
    given = table.values[name]
    texts = given if type(given) is list else [given]
    if len(texts) not in (1, 2) or any(type(text) is not str for text in texts):
        table.fail(name, "has to be one place in quotes, or a list of two: the first and the last of the span")
    ends = [table.checked(name, partial(parse_where, text, resolve)) for text in texts]
    for where in ends:
        if isinstance(prompts, TemplateSpec) and _in_none(where, prompts):
            table.fail(name, f'"{where.text}" is in no template')
    return Stretch(ends[0], ends[-1])


def _in_none(where: Where, prompts: TemplateSpec) -> bool:
    """Whether no template has this slot so many times. Of a text that is not known before words are filled in."""
    most = max(sum(ref == where.what for ref in refs(template)) for template in prompts.templates)
    return isinstance(where.what, Ref) and most < abs(where.nth)


def find(where: Where, slots: Slots, encoding: Encoding, own: TextSpan) -> tuple[int, ...] | str:
    """The tokens of a place, after an offset a single one; or why there are none, such as "occurs once".

    A literal text counts where it is in `own`, and not in a chat template around that.
    """
    if isinstance(where.what, Ref):
        spans = [span for ref, span in slots if ref == where.what]
    else:
        found = _literal_spans(where.what, encoding.text)
        spans = [span for span in found if own.start <= span.start and span.end <= own.end]
    index = where.nth - 1 if where.nth > 0 else len(spans) + where.nth
    if not 0 <= index < len(spans):
        return "occurs once" if len(spans) == 1 else f"occurs {len(spans)} times"
    at = encoding.tokens_at(spans[index])
    if at and where.offset:
        at = (at[0] + where.offset,)
    return at if at and 0 <= at[0] < len(encoding.ids) else "is outside the prompt"


def _literal_spans(literal: str, text: str) -> Iterator[TextSpan]:
    """Where a literal occurs, without the spaces around it."""
    inner = literal.strip()
    lead = literal.index(inner)
    start = text.find(literal)
    while start >= 0:
        yield TextSpan(start + lead, start + lead + len(inner))
        start = text.find(literal, start + len(literal))
