"""Files of records, as people write them: JSONL and CSV.

Owns reading them strictly, and errors that name file and line. What the keys are is the caller's business.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from acdc_custom.errors import TaskError
from acdc_custom.files.reading import parse_json, read_regular

Record = tuple[str, str, Mapping[str, Any]]  # its place in the file, what its keys are called there, and what it holds


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


def jsonl_records(text: str, file: str, example: str) -> Iterator[Record]:
    """One JSON object per line; `example` is a right one."""
    for line, content in enumerate(text.removeprefix("\ufeff").split("\n"), 1):
        if not content.strip():
            continue
        try:
            value = parse_json(content)
        except ValueError as error:
            problem = getattr(error, "msg", str(error))  # the parser's own, without its second count of lines
            raise TaskError(f"{file}, line {line}: not JSON: {problem} (example: {example})") from None
        if not isinstance(value, dict):
            raise TaskError(f"{file}, line {line}: not an object (example: {example})")
        yield f"line {line}", "key", value


def csv_records(text: str, file: str, check: Callable[[Sequence[str]], object]) -> Iterator[Record]:
    """Lines under a header; `check` raises `ValueError` for columns that will not do."""
    reader = csv.DictReader(io.StringIO(text.removeprefix("\ufeff"), newline=""), strict=True)
    try:
        columns = reader.fieldnames
        if columns is None:
            return
        for column in columns:
            if columns.count(column) > 1:
                raise TaskError(f'{file}, line 1: the column "{column}" is there twice')
        try:
            check(columns)
        except ValueError as error:
            raise TaskError(f"{file}, line 1: {error}") from None
        for record in reader:
            if None in record or None in record.values():
                raise TaskError(
                    f"{file}, line {reader.line_num}: not {len(columns)} columns; quote a text that has a comma"
                )
            yield f"line {reader.line_num}", "column", record
    except csv.Error as error:
        raise TaskError(f"{file}, line {reader.reader.line_num}: not CSV: {error}") from None
