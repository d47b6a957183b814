"""What the terminal says of a sweep."""

from __future__ import annotations

from swept import made_up

from acdc_custom.sweep.summary import summarize_sweep


def test_each_threshold_has_a_line_with_its_circuit_and_others_as_large() -> None:
    lines = summarize_sweep(made_up()).splitlines()
    found = {
        line.split()[0]: line.split()[1:] for line in lines if line.startswith("       ") and line.split()[0][0] == "0"
    }
    assert found["0.1"] == ["20", "2.00%", "1.000", "0.150", "0.150", "95%", "95%", "95%", "<-", "suggested"]
    assert found["0.05"] == ["30", "3.00%", "1.500", "0.100", "0.100", "60%", "97%", "97%", "beaten"]
    assert found["0.5"] == ["0", "0.00%", "5.000", "5.000", "5.000", "0%", "0%", "0%"]


def test_no_line_is_wider_than_a_terminal() -> None:
    assert max(map(len, summarize_sweep(made_up()).splitlines())) <= 120


def test_where_nothing_can_be_recovered_there_are_dashes_and_no_suggestion() -> None:
    text = " ".join(summarize_sweep(made_up(gap=0.0)).split())
    assert "nan" not in text and "CPR" in text
    assert "No threshold is suggested: the logit difference hardly falls when all edges are removed" in text
