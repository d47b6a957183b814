"""The rows file of a task: JSONL or CSV with `clean`, `corrupted`, `answer`, `foil`.

Owns reading such a file and its errors, which name the file and the line. Knows nothing of
task files or of tokens.
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Iterator
from pathlib import Path

from acdc_custom.errors import TaskError, did_you_mean
from acdc_custom.reading import parse_json, read_regular
from acdc_custom.task.spec import Row, RowSpec

KEYS = ("clean", "corrupted", "answer", "foil")
_EXAMPLE = '{"clean": "2 + 3 =", "corrupted": "2 + 4 =", "answer": " 5", "foil": " 6"}'


def read_rows(path: Path, task_file: str) -> RowSpec:
    """Read a rows file that the task file `task_file` names."""
    file = str(path)
    reader = {".jsonl": _jsonl, ".csv": _csv}.get(path.suffix.lower())
    if reader is None:
        raise TaskError(f'{task_file}: rows: "{path.name}" has to end in .jsonl or .csv')
    data = read_bytes(path, f"{task_file}: rows: ")
    seen: dict[Row, int] = {}
    rows: list[Row] = []
    for row in reader(decode(data, file).removeprefix("\ufeff"), file):
        for key in ("clean", "corrupted"):
            if not getattr(row, key).strip():
                raise TaskError(f'{file}, line {row.line}: "{key}" is an empty prompt (example: {_EXAMPLE})')
        first = seen.setdefault(Row(0, row.clean, row.corrupted, row.answer, row.foil), row.line)
        if first != row.line:
            raise TaskError(f"{file}, line {row.line}: the same row as line {first}: {row.clean!r}")
        rows.append(row)
    if not rows:
        raise TaskError(f"{file}: no rows in this file (example of one: {_EXAMPLE})")
    return RowSpec(file, hashlib.sha256(data).hexdigest(), tuple(rows))


def read_bytes(path: Path, prefix: str = "") -> bytes:
    """A file's bytes, or an error in words."""
    try:
        return read_regular(path)
    except FileNotFoundError:
        raise TaskError(f"{prefix}there is no file {path}") from None
    except IsADirectoryError:
        raise TaskError(f"{prefix}{path} is a folder; name the file itself") from None
    except OSError as error:
        raise TaskError(f"{prefix}{path} cannot be read: {error.strerror}") from None


def decode(data: bytes, file: str) -> str:
    """UTF-8 text, or an error that says where it is not."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise TaskError(f"{file}, line {line}: not UTF-8 text; save the file as UTF-8") from None


def _jsonl(text: str, file: str) -> Iterator[Row]:
    for line, content in enumerate(text.split("\n"), 1):
        if not content.strip():
            continue
        try:
            value = parse_json(content)
        except ValueError as error:
            problem = getattr(error, "msg", str(error))  # the parser's own, without its second count of lines
            raise TaskError(f"{file}, line {line}: not JSON: {problem} (example: {_EXAMPLE})") from None
        if not isinstance(value, dict):
            raise TaskError(f"{file}, line {line}: not an object with {', '.join(KEYS)} (example: {_EXAMPLE})")
        _check_keys(tuple(value), f"{file}, line {line}", "key")
        for key in ("clean", "corrupted"):
            if not isinstance(value[key], str):
                raise TaskError(f'{file}, line {line}: "{key}" has to be a text (example: {_EXAMPLE})')
        answer, foil = (_choices(value[key], key, f"{file}, line {line}") for key in ("answer", "foil"))
        yield Row(line, value["clean"], value["corrupted"], answer, foil)


def _choices(value: object, key: str, where: str) -> tuple[str, ...]:
    values = value if isinstance(value, list) else [value]
    texts = tuple(text for text in values if isinstance(text, str) and text)
    if not values or len(texts) < len(values):
        raise TaskError(f'{where}: "{key}" has to be a text or a list of texts (example: {_EXAMPLE})')
    return texts


def _csv(text: str, file: str) -> Iterator[Row]:
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    try:
        if reader.fieldnames is None:
            return
        _check_keys(tuple(reader.fieldnames), f"{file}, line 1", "column")
        for record in reader:
            if None in record or None in record.values():
                raise TaskError(
                    f"{file}, line {reader.line_num}: not {len(KEYS)} columns; quote a text that has a comma"
                )
            where = f"{file}, line {reader.line_num}"
            answer, foil = (_choices(record[key], key, where) for key in ("answer", "foil"))
            yield Row(reader.line_num, record["clean"], record["corrupted"], answer, foil)
    except csv.Error as error:
        raise TaskError(f"{file}, line {reader.reader.line_num}: not CSV: {error}") from None


def _check_keys(given: tuple[str, ...], where: str, word: str) -> None:
    for key in given:
        if given.count(key) > 1:
            raise TaskError(f'{where}: the {word} "{key}" is there twice')
        if key not in KEYS:
            hint = did_you_mean(str(key), KEYS)
            raise TaskError(f'{where}: unknown {word} "{key}".{hint} Allowed: {", ".join(KEYS)}')
    for key in KEYS:
        if key not in given:
            raise TaskError(f'{where}: the {word} "{key}" is missing (example: {_EXAMPLE})')
