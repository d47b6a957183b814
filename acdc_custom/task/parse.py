"""A task file's text -> a Spec, or one clear error.

Owns the format of task files: which keys there are, what they may hold, and how they have to fit
together. Everything that can be found wrong without a tokenizer is found here.
"""

from __future__ import annotations

import tomllib
from pathlib import Path

from acdc_custom.choices import Metric, parse_metric
from acdc_custom.errors import TaskError, UsageError, did_you_mean
from acdc_custom.task.pattern import Pattern, Ref, Resolve
from acdc_custom.task.places import read_positions, read_spans
from acdc_custom.task.rows import read_rows
from acdc_custom.task.sections import (
    read_continuation,
    read_corruption,
    read_slots,
    read_templates,
    read_words,
    slot_resolver,
)
from acdc_custom.task.spec import SCHEMA, Corruption, FromList, RowSpec, Spec, TemplateSpec, WordList
from acdc_custom.task.tables import Table

ROWS_CORRUPTION = "rows"  # the only corruption of a task whose rows are given

_COMMON_KEYS = ("schema", "description", "source", "model", "prepend_bos", "chat", "metric", "positions", "spans")
_TEMPLATE_KEYS = ("corruption", "templates", "answer", "foil", "slots", "words", "corruptions")
_EXAMPLES = {
    "schema": f"schema = {SCHEMA}",
    "description": 'description = "one line for people"',
    "source": 'source = "the paper"',
    "model": 'model = "gpt2"',
    "prepend_bos": "prepend_bos = true",
    "chat": "chat = true",
    "metric": 'metric = "kl"',
    "corruption": 'corruption = "switch"',
    "templates": 'templates = ["{A} gave the ball to {B}. The ball is now with"]',
    "answer": 'answer = " {B}"',
    "foil": 'foil = " {A}"',
    "slots": '[slots] then A = "names"',
    "words": '[words] then names = ["Alice", "Bob"]',
    "positions": '[positions] then S1 = "{A}"',
    "spans": '[spans] then people = ["{A}", "{B}"]',
    "corruptions": '[corruptions.switch] then replace = { A = "{B}", B = "{A}" }',
    "rows": 'rows = "prompts.jsonl"',
}
_SLOT_EXAMPLE = {"*": 'A = "names"'}
_WORD_EXAMPLE = {"*": 'names = ["Alice", "Bob"]'}
_CORRUPTION_EXAMPLE = {"*": _EXAMPLES["corruptions"]}


def parse_task(file: str, folder: Path, text: str) -> Spec:
    """Read a task file's text; `file` names it in errors, `folder` is where its rows file lies."""
    try:
        values = tomllib.loads(text)
    except RecursionError:
        raise TaskError(f"{file}: not a TOML file: lists and tables are nested too deeply") from None
    except ValueError as error:  # of the parser, or of a number with thousands of digits
        raise TaskError(f"{file}: not a TOML file: {error}") from None
    top = Table(file, "", values, _EXAMPLES)
    schema = top.get("schema", SCHEMA)  # whoever writes by hand may leave it out
    if schema != SCHEMA:
        known = f"this version of acdc-custom reads schema {SCHEMA}"
        top.fail("schema", f"{schema} is newer; {known}" if schema > SCHEMA else f"{schema} is none; {known}")
    prompts: TemplateSpec | RowSpec | None = None
    resolve: Resolve | None = _no_slots
    default, description, source, model, metric = ROWS_CORRUPTION, "", "", "", ""
    bos: bool | None = None  # as the tokenizer has it
    chat = False
    if "rows" in values:
        beside = [key for key in _TEMPLATE_KEYS if key in values]
        for key in beside:
            with top.gather():
                top.fail(key, "not allowed beside rows: the rows hold the prompts, the answers and the foils")
        top.only((*_COMMON_KEYS, *beside, "rows"))
        with top.gather():
            prompts = read_rows(folder / top.need("rows", str), file)
    else:
        top.only((*_COMMON_KEYS, *_TEMPLATE_KEYS, "rows"))
        prompts, resolve = _templates(top)
        with top.gather():
            default = _default_corruption(top)
    with top.gather():
        description = top.need("description", str)
    with top.gather():
        source = top.get("source", "")
    with top.gather():
        model = top.get("model", "")
    with top.gather():
        bos = top.get("prepend_bos", False) if "prepend_bos" in top.values else None
    with top.gather():
        chat = top.get("chat", False)
        if chat and bos is not None:
            top.fail("prepend_bos", "not allowed beside chat = true: the chat template says how a prompt begins")
    with top.gather():
        metric = _metric(top)
    positions = read_positions(top, resolve)
    spans = read_spans(top, prompts, resolve)
    top.stop()
    assert prompts is not None
    return Spec(description, source, model, bos, metric, default, positions, prompts, spans, chat)


def _metric(top: Table) -> str:
    name = top.get("metric", Metric.KL.value)
    try:
        return parse_metric(name).value
    except UsageError as error:
        top.fail("metric", str(error))


def _no_slots(inside: str) -> Ref:
    raise ValueError(f'{{{inside}}}: a task of rows has no slots; use literal text, such as ".#2"')


def _templates(top: Table) -> tuple[TemplateSpec | None, Resolve | None]:
    """What the keys of a task with templates say, and what finds its slots; None for what errors do not let be read."""
    before = len(top.errors)
    texts: tuple[str, ...] = ()
    words: dict[str, WordList] = {}
    slots: dict[str, str] = {}
    with top.gather():
        texts = top.texts("templates")
    readable = len(top.errors)
    with top.gather():
        word_table = top.table("words", _WORD_EXAMPLE)
        words = read_words(word_table)
        slots = read_slots(top.table("slots", _SLOT_EXAMPLE), word_table.values)
    if len(top.errors) > readable:
        for key in ("answer", "foil", "corruptions"):
            with top.gather():
                top.need(key, dict if key == "corruptions" else str)
        return None, None
    resolve = slot_resolver(slots, words)
    templates = read_templates(top, texts, resolve)
    answer: Pattern = ()
    foil: Pattern = ()
    corruptions: dict[str, Corruption] = {}
    with top.gather():
        answer = read_continuation(top, "answer", resolve)
    with top.gather():
        foil = read_continuation(top, "foil", resolve)
    with top.gather():
        table = top.table("corruptions", _CORRUPTION_EXAMPLE)
        if not table.values:
            top.fail("corruptions", "there is no corruption")
        for name in table.values if len(templates) == len(texts) > 0 else ():
            with top.gather():
                corruptions[name] = read_corruption(table, name, templates, slots, words, foil, resolve)
    if len(top.errors) > before:
        return None, resolve
    spec = TemplateSpec(templates, answer, foil, slots, words, corruptions)
    _all_used(top, spec)
    return spec, resolve


def _default_corruption(top: Table) -> str:
    corruptions: dict[str, object] = top.get("corruptions", {})
    if "corruption" not in top.values and len(corruptions) <= 1:
        return next(iter(corruptions), "")
    name = top.need("corruption", str)
    if name not in corruptions:
        hint = did_you_mean(name, corruptions)
        top.fail("corruption", f"there is no [corruptions.{name}], only {', '.join(corruptions)}.{hint}")
    return name


def _all_used(top: Table, spec: TemplateSpec) -> None:
    used = {slot for template in spec.templates for slot in spec.clean_slots(template)}
    for slot in spec.slots:
        if slot not in used:
            with top.gather():
                top.table("slots", {}).fail(slot, "this slot is used nowhere; use it or delete it")
    lists = set(spec.slots.values())
    for corruption in spec.corruptions.values():
        lists |= {r.source.words for r in corruption.replace if isinstance(r.source, FromList)}
    for name in spec.words:
        if name not in lists:
            with top.gather():
                top.table("words", {}).fail(name, "no slot uses this list; use it or delete it")
