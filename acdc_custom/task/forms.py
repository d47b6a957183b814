"""The forms in which people keep prompts: our own, and those of three other projects.

Owns which keys tell a form, and how a row of each says what its prompts, answers and foils are. Knows nothing
of files or of tokens.

Sources, as of 2025: auto-circuit `auto_circuit/data.py` (github.com/UFO-101/auto-circuit); EAP-IG and its data sets
(github.com/hannamw/EAP-IG; hannamw/eap-ig-faithfulness, `dataset.py`); MIB, circuit track
(`MIB_circuit_track/dataset.py`; mib-bench/* on the Hugging Face hub), whose own choice of counterfactual is kept to.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from acdc_custom.errors import did_you_mean
from acdc_custom.files.reading import parse_json, shortened

KEYS = ("clean", "corrupted", "answer", "foil")
EXAMPLE = '{"clean": "2 + 3 =", "corrupted": "2 + 4 =", "answer": " 5", "foil": " 6"}'
AUTO_CIRCUIT_KEYS = ("clean", "corrupt", "answers", "wrong_answers")
# EAP-IG gives token ids, under other names in each of its data sets.
EAP_IG_IDS = (
    ("correct_idx", "incorrect_idx"),
    ("country_idx", "corrupted_country_idx"),
    ("clean_answer_idx", "corrupted_answer_idx"),
    ("answers_idx", "corrupted_answers_idx"),
)
# MIB's rows say in several ways what the answer is; the last of each row's keys is the corrupted prompt.
MIB_NAMES = ("prompt", "metadata", "s2_io_flip_counterfactual")
MIB_CHOICES = ("prompt", "choices", "answerKey", "symbol_counterfactual")
MIB_LABELS = ("prompt", "label", "random_counterfactual")

# Columns of row numbers, as pandas writes them; they say nothing.
INDEX = re.compile(r"|index|level_0|Unnamed: \d+(\.\d+)*")

Target = str | int  # a text that continues the prompt, or a token's id


class RowForm(StrEnum):
    """Whose form a rows file has."""

    OWN = "acdc-custom"
    AUTO_CIRCUIT = "auto-circuit"
    EAP_IG = "EAP-IG"
    MIB = "MIB"


@dataclass(frozen=True)
class Content:
    """What a row says. With several answers or foils, any of them will do."""

    clean: str
    corrupted: str
    answer: tuple[Target, ...]
    foil: tuple[Target, ...]


@dataclass(frozen=True)
class Reader:
    """One way to write a row: its form, and the keys that it is read from."""

    form: RowForm
    keys: tuple[str, ...]


READERS = (
    Reader(RowForm.AUTO_CIRCUIT, AUTO_CIRCUIT_KEYS),
    *(Reader(RowForm.EAP_IG, ("clean", "corrupted", *ids)) for ids in EAP_IG_IDS),
    *(Reader(RowForm.MIB, keys) for keys in (MIB_NAMES, MIB_CHOICES, MIB_LABELS)),
)
OTHERS = "; or the keys of another form: " + "; ".join(f"{', '.join(r.keys)} ({r.form})" for r in READERS)


def reader_of(keys: Collection[str], word: str) -> Reader:
    """Whose row this is, by its keys. Raises `ValueError` where that is not plain; `word` is what a key is called."""
    keys = [key for key in keys if not is_index(key)]
    fitting = [reader for reader in READERS if set(reader.keys) <= set(keys)]
    if set(KEYS) <= set(keys) or not fitting:
        _check_own(keys, word)
        return Reader(RowForm.OWN, KEYS)
    if len(fitting) > 1:
        first, second = (", ".join(reader.keys) for reader in fitting[:2])
        raise ValueError(f"it can be read in two ways: by {first}, and by {second}. Delete what is not meant")
    if fitting[0].form is RowForm.AUTO_CIRCUIT and (more := [key for key in keys if key not in AUTO_CIRCUIT_KEYS]):
        raise ValueError(f'unknown {word} "{more[0]}". Allowed: {", ".join(AUTO_CIRCUIT_KEYS)}{OTHERS}')
    return fitting[0]


def is_index(key: str) -> bool:
    """Whether a key is the name of a column of row numbers."""
    return INDEX.fullmatch(key) is not None


def _check_own(keys: Collection[str], word: str) -> None:
    missing = [key for key in KEYS if key not in keys]
    for key in keys:
        if key not in KEYS:
            raise ValueError(
                f'unknown {word} "{key}".{did_you_mean(key, missing or KEYS)} Allowed: {", ".join(KEYS)}{OTHERS}'
            )
    if missing:
        raise ValueError(f'the {word} "{missing[0]}" is missing (example: {EXAMPLE}){OTHERS}')


def content_of(row: Mapping[str, Any], reader: Reader) -> Content | None:
    """What a row says; None for one without a corrupted prompt, of which MIB has some. Raises `ValueError`."""
    match reader.form, reader.keys:
        case RowForm.OWN, _:
            prompts = _text(row, "clean"), _text(row, "corrupted")
            return Content(*prompts, _texts(row, "answer"), _texts(row, "foil"))
        case RowForm.AUTO_CIRCUIT, _:
            prompts = _text(row, "clean"), _text(row, "corrupt")
            return Content(*prompts, _texts(row, "answers"), _texts(row, "wrong_answers"))
        case RowForm.EAP_IG, (_, _, answer, foil):
            return Content(_text(row, "clean"), _text(row, "corrupted"), _ids(row, answer), _ids(row, foil))
    other = _object(row, reader.keys[-1]) if row[reader.keys[-1]] is not None else {}
    if other.get("prompt") is None:
        return None
    prompts = _text(row, "prompt"), _text(other, "prompt")
    if reader.keys == MIB_NAMES:
        names = _object(row, "metadata")
        return Content(*prompts, (" " + _text(names, "indirect_object"),), (" " + _text(names, "subject"),))
    read = _chosen if reader.keys == MIB_CHOICES else _label
    return Content(*prompts, (read(row),), (read(other),))


def _chosen(row: Mapping[str, Any]) -> str:
    """The letter of the right choice."""
    labels, place = _object(row, "choices").get("label"), _whole(row.get("answerKey"))
    if not isinstance(labels, list) or type(place) is not int or not 0 <= place < len(labels):
        raise ValueError('"answerKey" has to be the place of the answer in the list "choices.label", from 0')
    letter = labels[place]
    if not isinstance(letter, str) or not letter:
        raise ValueError(f'"choices.label" has to be a list of texts, not {shortened(repr(labels))}')
    return letter


def _label(row: Mapping[str, Any]) -> str:
    label = _whole(row.get("label"))
    if type(label) not in (int, str) or label == "":
        raise ValueError(f'"label" has to be a number or a text, not {shortened(repr(label))}')
    return str(label)


def _whole(value: Any) -> Any:
    """8 of 8.0, as pandas writes whole numbers of a column in which one is missing; any other value itself."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _object(row: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = row.get(key)
    if not isinstance(value, dict):
        raise ValueError(
            f'"{key}" has to be an object, not {shortened(repr(value))}; CSV has none: write the rows as JSONL'
        )
    return value


def _text(row: Mapping[str, Any], key: str) -> str:
    value = row.get(key)
    if not isinstance(value, str):
        raise ValueError(f'"{key}" has to be a text (example: {EXAMPLE})')
    return value


def _texts(row: Mapping[str, Any], key: str) -> tuple[str, ...]:
    value = row[key]
    values = value if isinstance(value, list) else [value]
    texts = tuple(text for text in values if isinstance(text, str) and text)
    if not values or len(texts) < len(values):
        raise ValueError(f'"{key}" has to be a text or a list of texts (example: {EXAMPLE})')
    return texts


def _ids(row: Mapping[str, Any], key: str) -> tuple[int, ...]:
    """Token ids: a number, a list of numbers, or either of them as the text of a CSV cell."""
    value = row[key]
    try:
        value = parse_json(value) if isinstance(value, str) else value
    except ValueError:
        value = None
    values = [_whole(number) for number in (value if isinstance(value, list) else [value])]
    if not values or not all(type(number) is int and number >= 0 for number in values):
        raise ValueError(f'"{key}" has to be a token\'s id or a list of them, not {shortened(repr(row[key]))}')
    return tuple(values)
