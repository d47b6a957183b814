"""What a run says before it begins."""

from __future__ import annotations

from dataclasses import replace

from tiny import tiny
from tiny_task import prepared

from acdc_custom.cli.running import describe_batch


def test_the_first_prompt_is_on_one_line_and_a_word_without_a_space_before_it_in_quotes() -> None:
    found = prepared(tiny("gpt2", 0))
    first, *others = found.batch.prompts
    first = replace(first, clean="user\nWho?\n", corrupted="user\nWhat?\n", answer=("Rome", " Roma"), foil=("Paris",))
    batch = replace(found.batch, prompts=(first, *others))
    lines = list(describe_batch(replace(found, batch=batch), None))
    assert lines[2:4] == [
        r'  clean      user\nWho?\n -> "Rome" / Roma, not "Paris"',
        r"  corrupted  user\nWhat?\n",
    ]
