"""Amounts of memory, read and written."""

from __future__ import annotations

import pytest

from acdc_custom.errors import UsageError
from acdc_custom.memory import parse_bytes, text_of_bytes


@pytest.mark.parametrize(
    ("text", "expected"),
    [("8GiB", 2**33), ("8G", 2**33), ("8 gb", 2**33), ("1.5M", 3 * 2**19), ("500K", 512000), ("4096", 4096)],
)
def test_amounts_are_read_as_people_write_them(text: str, expected: int) -> None:
    assert parse_bytes(text) == expected


@pytest.mark.parametrize("text", ["", "G", "-1G", "8X", "1e9", "nan", "0", "0.0001", "9" * 30, "8GiBs", "٨G"])
def test_what_is_no_amount_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match=r"is no amount of memory. Give one such as 8GiB"):
        parse_bytes(text)


@pytest.mark.parametrize(
    ("n", "expected"), [(2**33, "8.0 GiB"), (2**30 + 2**29, "1.5 GiB"), (300 * 2**20, "300 MiB"), (1, "1 MiB")]
)
def test_amounts_are_written_briefly(n: int, expected: str) -> None:
    assert text_of_bytes(n) == expected
