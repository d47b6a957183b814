"""The parts of a template task's file: its slots and words, and its corruptions.

Owns what [words], [slots] and [corruptions.*] may hold. Knows nothing of the file around them.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from functools import partial

from acdc_custom.errors import did_you_mean
from acdc_custom.task.pattern import (
    Entry,
    Pattern,
    Ref,
    Resolve,
    occurrences,
    parse_occurrence,
    parse_pattern,
)
from acdc_custom.task.spec import Corruption, FromList, FromSlot, Replacement, WordList
from acdc_custom.task.tables import Table, shown

_TABLE_EXAMPLES = {
    "columns": 'columns = ["word", "opposite"]',
    "rows": 'rows = [["hot", "cold"], ["big", "small"]]',
}
_CORRUPTION_EXAMPLES = {"replace": 'replace = { A = "{B}", B = "names" }', "foil": 'foil = " {B}"'}
_REPLACE_EXAMPLES = {"*": 'replace = { A = "{B}", B = "names" }'}


def slot_resolver(slots: Mapping[str, str], words: Mapping[str, WordList]) -> Resolve:
    """What finds the slot and the column that a text in braces means."""

    def resolve(inside: str) -> Ref:
        slot, dot, column = inside.partition(".")
        if slot not in slots:
            raise ValueError(
                f"{{{inside}}}: there is no slot {slot} in [slots], only {', '.join(slots) or 'none'}."
                + did_you_mean(slot, slots)
            )
        columns = words[slots[slot]].columns
        if columns == ("",):
            if dot:
                raise ValueError(f'{{{inside}}}: the list "{slots[slot]}" has no columns; write {{{slot}}}')
        elif column not in columns:
            choices = " or ".join(f"{{{slot}.{name}}}" for name in columns)
            raise ValueError(f'{{{inside}}}: the list "{slots[slot]}" has columns; write {choices}')
        return Ref(slot, columns.index(column), f"{{{inside}}}")

    return resolve


def read_words(table: Table) -> dict[str, WordList]:
    """[words]: plain lists and tables. Gathers, and leaves out the lists that are not right."""
    lists: dict[str, WordList] = {}
    for name in table.values:
        with table.gather():
            lists[name] = _word_list(table, name)
    return lists


def _word_list(table: Table, name: str) -> WordList:
    if type(table.values[name]) is dict:
        words = _word_table(table.table(name, _TABLE_EXAMPLES), name)
    else:
        words = WordList(name, ("",), tuple((word,) for word in table.texts(name)))
    seen: set[Entry] = set()
    for row in words.rows:
        for word in row:
            if not word.strip() or word != word.strip():
                table.fail(name, f'"{word}" is not a word: it is empty, or has spaces around it')
        if row in seen:
            table.fail(name, f'"{" / ".join(row)}" is in the list twice')
        seen.add(row)
    return words


def read_slots(table: Table, lists: Collection[str]) -> dict[str, str]:
    """[slots]: which of the lists fills which slot. Gathers, and leaves out the slots that are not right."""
    slots: dict[str, str] = {}
    for slot in table.values:
        with table.gather():
            name = table.need(slot, str)
            if not slot.isidentifier():
                table.fail(slot, "a slot's name is made of letters, digits and _")
            if name not in lists:
                table.fail(slot, f'there is no list "{name}" in [words].{did_you_mean(name, lists)}')
            slots[slot] = name
    return slots


def read_templates(table: Table, texts: Sequence[str], resolve: Resolve) -> tuple[Pattern, ...]:
    """The templates, cut at their slots. Gathers, and leaves out those that are not right."""
    templates = []
    for number, text in enumerate(texts, 1):
        with table.gather():
            templates.append(table.checked("templates", partial(parse_pattern, text, resolve)))
            if not text.strip():
                table.fail("templates", f"template {number} is an empty prompt")
    return tuple(templates)


def _word_table(table: Table, name: str) -> WordList:
    table.only(("columns", "rows"))
    columns = table.texts("columns")
    if len(set(columns)) < len(columns):
        table.fail("columns", "two columns have the same name")
    rows = table.need("rows", list)
    if not rows:
        table.fail("rows", "the list is empty")
    for number, row in enumerate(rows, 1):
        if type(row) is not list or len(row) != len(columns) or any(type(word) is not str for word in row):
            shape = f"{len(columns)} texts, for {', '.join(columns)}"
            given = f"[{', '.join(map(shown, row))}]" if type(row) is list else shown(row)
            table.fail("rows", f"row {number} is {given}; every row has to be {shape}")
    return WordList(name, columns, tuple(tuple(row) for row in rows))


def read_continuation(table: Table, key: str, resolve: Resolve) -> Pattern:
    """An answer or a foil."""
    text = table.need(key, str)
    if not text.strip():
        table.fail(key, "the text is empty")
    return table.checked(key, partial(parse_pattern, text, resolve))


def read_corruption(
    corruptions: Table,
    name: str,
    templates: tuple[Pattern, ...],
    slots: Mapping[str, str],
    words: Mapping[str, WordList],
    foil: Pattern,
    resolve: Resolve,
) -> Corruption:
    """[corruptions.name]; each template has to change under it."""
    table = corruptions.table(name, _CORRUPTION_EXAMPLES)
    table.only(("description", "replace", "foil"))
    sources = table.table("replace", _REPLACE_EXAMPLES)
    if not sources.values:
        table.fail("replace", "replaces nothing")
    replace = tuple(_replacement(sources, key, slots, words) for key in sources.values)
    present = [{(ref.slot, nth) for ref, nth in occurrences(template)} for template in templates]
    for key, replacement in zip(sources.values, replace, strict=True):
        if not any(_touches(replacement, numbers) for numbers in present):
            sources.fail(key, "no template has this slot, or not so many times")
    for number, numbers in enumerate(present, 1):
        if not any(_touches(replacement, numbers) for replacement in replace):
            table.fail("replace", f"changes nothing in template {number}: clean and corrupted would be equal")
    own = read_continuation(table, "foil", resolve) if "foil" in table.values else foil
    return Corruption(name, table.get("description", ""), replace, own)


def _touches(replacement: Replacement, numbers: set[tuple[str, int]]) -> bool:
    return any(slot == replacement.slot and replacement.nth in (None, nth) for slot, nth in numbers)


def _replacement(table: Table, key: str, slots: Mapping[str, str], words: Mapping[str, WordList]) -> Replacement:
    slot, nth = table.checked(key, partial(parse_occurrence, key))
    if slot not in slots:
        table.fail(key, f"there is no slot {slot} in [slots], only {', '.join(slots)}.{did_you_mean(slot, slots)}")
    text = table.need(key, str)
    source: FromSlot | FromList
    if text.startswith("{") and text.endswith("}"):
        other = text[1:-1]
        if other not in slots:
            table.fail(
                key,
                f'there is no slot for "{text}"; slots are {", ".join(slots)}.{did_you_mean(other, slots)}',
            )
        if other == slot:
            table.fail(key, "a slot that takes its own word does not change")
        source, columns = FromSlot(other), words[slots[other]].columns
    elif text in words:
        source, columns = FromList(text), words[text].columns
    else:
        table.fail(
            key,
            f'"{text}" is neither a list in [words] ({", ".join(words)}) nor a slot such as "{{{slot}}}".'
            + did_you_mean(text, words),
        )
    if columns != words[slots[slot]].columns:
        table.fail(key, f'"{text}" has other columns than the list "{slots[slot]}" of slot {slot}')
    return Replacement(slot, nth, source)
