"""What the terminal says of a sweep."""

from __future__ import annotations

from dataclasses import replace

from swept import made_up, with_tests

from acdc_custom.files.columns import line_width
from acdc_custom.sweep.result import Sweep
from acdc_custom.sweep.summary import summarize_sweep


def rows(text: str, first: str) -> dict[str, list[str]]:
    """The rows of the table whose heading begins with a word, by their first cell."""
    lines = text.splitlines()
    start = next(number for number, line in enumerate(lines) if line.split()[:1] == [first])
    cells = [line.split() for line in lines[start + 1 :]]
    end = next(number for number, row in enumerate(cells) if not row or not row[0][0].isdigit())
    return {row[0]: row[1:] for row in cells[:end]}


def test_each_threshold_has_a_line_with_its_circuit() -> None:
    found = rows(summarize_sweep(made_up()), "threshold")
    assert found["0.1"] == ["20", "2.00%", "1.000", "95%", "<-", "suggested"]
    assert found["0.05"] == ["30", "3.00%", "1.500", "60%", "beaten"]
    assert found["0.5"] == ["0", "0.00%", "5.000", "0%"]


def test_each_size_has_a_line_with_the_circuits_of_all_methods() -> None:
    text = summarize_sweep(made_up()).split("As many edges by each method")[1]
    heading = text[: text.index("\n  edges")].split("recovered\n")[-1]
    assert sorted(heading.split()) == ["(inputs)", "ACDC", "EAP", "EAP-IG"]
    found = rows("\n".join(line for line in text.splitlines() if line.strip()), "edges")
    assert found["20"] == ["1.000", "95%", "0.150", "95%", "0.150", "95%"]
    assert found["30"] == ["1.500", "60%", "0.100", "97%", "0.100", "97%"]
    assert found["0"] == ["5.000", "0%"] * 3


def test_more_methods_than_a_line_holds_go_on_in_another_table() -> None:
    (case,) = made_up().cases
    many = tuple(replace(case.attributions[0], method=f"method-{number}") for number in range(9))
    text = summarize_sweep(Sweep((replace(case, attributions=many),)))
    tables = [line for line in text.splitlines() if line.split() == ["edges"]]
    assert len(tables) > 1 and max(map(len, text.splitlines())) <= line_width()
    assert all(f"method-{number}" in text for number in range(9))


def test_what_is_left_out_is_told() -> None:
    (case,) = made_up().cases
    text = summarize_sweep(Sweep((replace(case, notes=("This is left out.",)),)))
    assert "\nNote: This is left out.\n" in text


def test_no_line_is_wider_than_a_terminal() -> None:
    assert max(map(len, summarize_sweep(made_up()).splitlines())) <= line_width()


def test_where_nothing_can_be_recovered_there_are_dashes_and_no_suggestion() -> None:
    text = " ".join(summarize_sweep(made_up(gap=0.0)).split())
    assert "nan" not in text and "CPR" in text
    assert "No threshold is suggested: the logit difference hardly falls when all edges are removed" in text


def test_what_circuits_do_on_test_prompts_stands_beside_what_they_do_on_those_of_the_search() -> None:
    text = summarize_sweep(with_tests())
    found = rows(text, "threshold")
    assert found["0.1"] == ["20", "2.00%", "1.000", "95%", "85%", "(80", "to", "90)", "<-", "suggested"]
    assert found["0.01"][-4:] == ["89%", "(84", "to", "94)"] and found["0.5"][4:] == ["-"]
    assert (
        "On 30 test prompts, which the searches have not seen: logit difference 3.00, without edges -1.00;"
        in " ".join(text.split())
    )
    there = text.split("The same on the 30 test prompts")[1]
    of = rows("\n".join(line for line in there.splitlines() if line.strip()), "edges")
    assert of == {
        "20": ["2.000", "85%"] + ["1.150", "85%"] * 2,
        "30": ["2.500", "50%"] + ["1.100", "87%"] * 2,
        "60": ["1.300", "89%"] + ["1.050", "88%"] * 2,
    }
    assert max(map(len, text.splitlines())) <= line_width() and "test prompt" not in summarize_sweep(made_up())
