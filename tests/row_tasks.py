"""The rows of the built-in tasks that templates cannot write, made by rule.

`python tests/row_tasks.py` writes them into tasks/; a test compares.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

TASKS = Path(__file__).parents[1] / "tasks"
N = 300

# fmt: off
SPANS = [
    "war", "siege", "reign", "journey", "voyage", "famine", "plague", "drought", "trial", "project", "treaty",
    "feud",
]
HE = [
    "John", "Peter", "Paul", "Mark", "Tom", "James", "Jack", "Michael", "Robert", "Richard", "Daniel",
    "Thomas", "David",
]
SHE = [
    "Mary", "Anna", "Sarah", "Jane", "Maria", "Alice", "Emma", "Laura", "Julia", "Helen", "Lisa", "Susan",
    "Linda",
]
PEOPLE = [
    "friend", "cook", "singer", "driver", "student", "writer", "dancer", "teacher", "doctor", "player", "farmer",
    "painter", "lawyer", "neighbor",
]
# fmt: on


def greater_than() -> list[dict[str, Any]]:
    """A span of years; the second year's tens digit is above the first one's, or it is wrong.

    The same digit may be right or wrong, so it is neither. The corrupted prompt starts in the year 01 (as in the
    paper), from where on everything is later.
    """
    rng = random.Random("greater_than")
    rows: dict[str, dict[str, Any]] = {}
    while len(rows) < N:
        century, tens, ones = rng.randint(11, 17), rng.randint(1, 8), rng.randint(2, 8)
        start = f"The {rng.choice(SPANS)} lasted from the year {century}"
        end = f" to the year {century}"
        clean = f"{start}{tens}{ones}{end}"
        rows[clean] = {
            "clean": clean,
            "corrupted": f"{start}01{end}",
            "answer": [str(digit) for digit in range(tens + 1, 10)],
            "foil": [str(digit) for digit in range(tens)],
        }
    return list(rows.values())


def gendered_pronoun() -> list[dict[str, Any]]:
    """A person by name, and the pronoun of a tag question; the corrupted person is of the other gender."""
    rng = random.Random("gendered_pronoun")
    rows: dict[str, dict[str, Any]] = {}
    while len(rows) < N:
        names, pronouns = [rng.choice(HE), rng.choice(SHE)], [" he", " she"]
        if len(rows) % 2:
            names, pronouns = names[::-1], pronouns[::-1]
        rest = f" is such a good {rng.choice(PEOPLE)}, isn't"
        rows.setdefault(
            f"So {names[0]}{rest}",
            {
                "clean": f"So {names[0]}{rest}",
                "corrupted": f"So {names[1]}{rest}",
                "answer": pronouns[0],
                "foil": pronouns[1],
            },
        )
    return list(rows.values())


MAKERS: dict[str, Callable[[], list[dict[str, Any]]]] = {
    "greater_than": greater_than,
    "gendered_pronoun": gendered_pronoun,
}


def text(name: str) -> str:
    """What the rows file of this task holds."""
    return "".join(json.dumps(row) + "\n" for row in MAKERS[name]())


if __name__ == "__main__":
    for name in MAKERS:
        (TASKS / f"{name}.jsonl").write_text(text(name), encoding="utf-8")
