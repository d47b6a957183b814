"""The files of `neuron-examples`: `neuron-examples.json`, which loads back exactly, and `neuron-examples.csv`.

Owns their form (schema 1), and that the JSON is written while texts are read: what a killed process has left is gone on
with.
"""

from __future__ import annotations

import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from acdc_custom.analyses.neuron_records import Asked, NeuronExamples
from acdc_custom.errors import ResultError, UsageError
from acdc_custom.files import records
from acdc_custom.files.claim import claim
from acdc_custom.files.reading import file_in, read_record
from acdc_custom.files.records import from_plain, to_plain
from acdc_custom.files.table import csv_text
from acdc_custom.files.writing import write_file
from acdc_custom.version import __version__

SCHEMA = 1
JSON_NAME, CSV_NAME, PAGE_NAME = "neuron-examples.json", "neuron-examples.csv", "neuron-examples.html"
COLUMNS = ("neuron", "side", "rank", "activation", "token", "line", "position", "text")
EVERY = 5.0  # seconds from one save to the next while texts are read


def save(found: NeuronExamples, folder: str | Path) -> Path:
    """Write the JSON file, over that of an earlier time; gives its path. Raises `ResultError`."""
    content = {"acdc-custom": __version__, **to_plain(found)}
    return write_file(Path(folder) / JSON_NAME, records.to_json(SCHEMA, content))


def save_table(found: NeuronExamples, folder: str | Path) -> Path:
    """Write the CSV file: one line per example. Raises `ResultError`."""
    return write_file(Path(folder) / CSV_NAME, csv_text(found.to_rows(), COLUMNS))


def load_neuron_examples(where: str | Path) -> NeuronExamples:
    """Read a folder's `neuron-examples.json`, or the file. Raises `ResultError` saying what is wrong with it."""
    make_it = "Make it with: acdc-custom analyze neuron-examples"
    return read_record(file_in(where, JSON_NAME), SCHEMA, make_it, _read)


def _read(content: dict[str, Any]) -> NeuronExamples:
    found = from_plain(NeuronExamples, content, beside=("acdc-custom",))
    if [record.neuron for record in found.neurons] != list(found.asked.neurons):
        raise ValueError("its neurons are not those that were asked for")
    if not 0 <= found.n_read <= found.asked.n_texts:
        raise ValueError(f"n_read is {found.n_read}, of {found.asked.n_texts} texts")
    return found


class ExampleFolder:
    """A folder that this process writes into while texts are read. Use it as a context: at its end, whatever the
    reason, what has been found is on disk.

    Raises `ResultError` if another process writes into the folder.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder
        self._last: NeuronExamples | None = None
        self._saved = time.monotonic()
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._claim = claim(folder)
        except OSError as error:
            raise ResultError(f"the output folder {folder} cannot be written to: {error.strerror}.") from error
        if self._claim is None:
            raise ResultError(f"another process writes into {folder}. Wait for it, or give another --out.")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if self._last is not None:
                save(self._last, self.path)
        finally:
            assert self._claim is not None
            self._claim.give_back()

    def earlier(self, asked: Asked) -> NeuronExamples | None:
        """What an earlier process has found here of the same; None if there is nothing.

        Raises `UsageError` for what is of something else, `ResultError` for a file that cannot be read.
        """
        if not (self.path / JSON_NAME).exists():
            return None
        found = load_neuron_examples(self.path)
        if found.asked != asked:
            raise UsageError(
                f"{self.path} has examples of something else: {_difference(found.asked, asked)}. Give another --out, "
                "or remove that folder."
            )
        return found

    def note(self, found: NeuronExamples) -> None:
        """What has been found so far; it is saved now and then."""
        self._last = found
        if time.monotonic() - self._saved >= EVERY:
            save(found, self.path)
            self._saved = time.monotonic()


def _difference(was: Asked, now: Asked) -> str:
    name = next(name for name in vars(now) if getattr(was, name) != getattr(now, name))
    before, after = (
        ", ".join(map(str, x)) if isinstance(x, tuple) else str(x) for x in (vars(was)[name], vars(now)[name])
    )
    if name in ("weights", "sha256"):
        return f"other {'weights' if name == 'weights' else 'texts'}, under the same name"
    return f"{name} {before or 'none'} there, {after or 'none'} now"
