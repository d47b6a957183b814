"""Laws of tables in a terminal: everything is there, in its column, in lines that are not too wide."""

from __future__ import annotations

import random

import pytest

from acdc_custom.files.columns import PIPED, WIDEST, Column, left, line_width, paragraph, right, table, whole

WORDS = ("a", "of", "heads", "0.123", "attention", "edges", "100%")


def made_up(seed: int) -> tuple[list[Column], list[list[str]]]:
    """A table of one to nine columns; no two words in it are the same."""
    of = random.Random(seed)
    numbers = iter(range(10_000))

    def text() -> str:
        return " ".join(f"{of.choice(WORDS)}{next(numbers)}" for _ in range(of.randint(0, 6)))

    n = of.randint(1, 9)
    columns = [of.choice((left, right))(text(), of.choice(("", "above", "both of these"))) for _ in range(n)]
    return columns, [[text() for _ in columns] for _ in range(of.randint(0, 5))]


def words(text: str) -> list[str]:
    return sorted(text.split())


@pytest.mark.parametrize("seed", range(60))
@pytest.mark.parametrize("width", [40, 80, 110])
def test_no_line_is_wider_and_no_word_is_lost_or_broken(seed: int, width: int) -> None:
    columns, rows = made_up(seed)
    lines = table(columns, rows, width=width, indent=2)
    assert max(map(len, lines), default=0) <= width
    assert not any(line != line.rstrip() for line in lines)
    printed = " ".join(lines).split()
    for cell in (*(column.name for column in columns), *(cell for row in rows for cell in row)):
        assert set(cell.split()) <= set(printed)


@pytest.mark.parametrize("seed", range(60))
def test_a_table_with_room_has_a_line_per_row_with_its_cells_in_order(seed: int) -> None:
    columns, rows = made_up(seed)
    lines = table([Column(column.name, column.side) for column in columns], rows, width=10_000)
    expected = [[column.name for column in columns]] * any(column.name for column in columns) + rows
    assert [line.split() for line in lines] == [" ".join(row).split() for row in expected]


def test_columns_are_as_wide_as_what_is_in_them_and_stand_on_their_side() -> None:
    assert table((left("head"), right("change"), left()), [("L0H1", "-1.25", "x"), ("L10H11", "0.50", "")]) == [
        "head    change",
        "L0H1     -1.25  x",
        "L10H11    0.50",
    ]


def test_columns_without_names_have_no_heading() -> None:
    assert table((left(), right()), [("a", "1"), ("b", "20")], indent=2) == ["  a   1", "  b  20"]


def test_headings_break_first_then_text_then_gaps_shrink_and_at_last_columns_go_below() -> None:
    columns, rows = (left("name"), right("by chance"), left("why")), [("a1", "0.5", "it is what it is")]
    assert table(columns, rows, width=33) == ["name  by chance  why", "a1          0.5  it is what it is"]
    assert table(columns, rows, width=30) == ["          by", "name  chance  why", "a1       0.5  it is what it is"]
    assert table(columns, rows, width=22) == [
        "          by", "name  chance  why", "a1       0.5  it is", "              what it", "              is",
    ]  # fmt: skip
    assert table(columns, rows, width=16)[1:3] == ["name chance why", "a1      0.5 it"]
    assert table(columns, rows, width=12) == [
        "          by", "name  chance", "a1       0.5", "", "name  why", "a1    it is", "      what", "      it is",
    ]  # fmt: skip


def test_all_keys_are_said_again_below() -> None:
    columns = (left("model"), left("method"), right("right"), right("missed"))
    lines = table(columns, [("ioi", "acdc", "10", "2")], keys=2, width=20)
    assert [line.split() for line in lines] == [
        ["model", "method", "right"], ["ioi", "acdc", "10"], [], ["model", "method", "missed"], ["ioi", "acdc", "2"],
    ]  # fmt: skip


def test_neighbours_stay_together_under_their_heading() -> None:
    columns = (left("model"), right("built", "circuit"), right("all", "circuit"), right("right", "found"))
    row = [("ioi", "1", "2", "3")]
    assert table(columns, row) == ["          circuit  found", "model  built  all  right", "ioi        1    2      3"]
    assert table(columns, row, width=18) == [
        "          circuit", "model  built  all", "ioi        1    2", "",
        "       found", "model  right", "ioi        3",
    ]  # fmt: skip


def test_what_is_whole_does_not_break_and_is_printed_with_plain_spaces() -> None:
    cell = f"0.12 {whole('(0.10 to 0.14)')}"
    assert table((right("mean"),), [(cell,)], width=14) == ["          mean", "          0.12", "(0.10 to 0.14)"]
    assert table((right("mean"),), [(cell,)]) == ["               mean", "0.12 (0.10 to 0.14)"]


def test_only_a_word_that_is_wider_than_the_terminal_is_cut() -> None:
    assert table((left(),), [("a/very/long/path is here",)], width=10) == ["a/very/...", "is here"]


def test_a_row_with_other_cells_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="has 2 cells"):
        table((left("a"), left("b")), [("1",)])


def test_paragraphs_keep_long_words_and_indent() -> None:
    assert paragraph("Note: results/of-a/run are here", later="  ", width=12) == [
        "Note:", "  results/of-a/run", "  are here",
    ]  # fmt: skip


def test_lines_are_as_wide_as_the_terminal_within_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    for columns, width in (("60", 60), ("500", WIDEST)):
        monkeypatch.setenv("COLUMNS", columns)
        assert line_width() == width
    monkeypatch.delenv("COLUMNS")
    monkeypatch.setattr("shutil.os.get_terminal_size", lambda _: (_ for _ in ()).throw(OSError))
    assert line_width() == PIPED
