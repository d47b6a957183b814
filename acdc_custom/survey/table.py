"""What a model said, as lines for a terminal, as rows for a CSV file, and as a picture."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from acdc_custom.figures.charts import Scale, heatmap
from acdc_custom.figures.theme import Figure, Theme
from acdc_custom.files.columns import left, right, table, whole
from acdc_custom.files.reading import shortened
from acdc_custom.files.table import Row
from acdc_custom.survey.ask import SubjectPlace, Survey, SurveyAnswer

LONGEST_PROMPT = 100  # characters of a prompt in the terminal


def lines(survey: Survey) -> Iterator[str]:
    """A table for the terminal: a line per prompt, and then how often the top word was which subject."""
    yield from table(
        (right(), left("top"), right("probability"), left("which subject"), left("prompt")),
        [_cells(number, answer) for number, answer in enumerate(survey.answers, 1)],
        keys=2,
    )
    yield ""
    counts = []
    for place in SubjectPlace:
        count = sum(answer.place is place for answer in survey.answers)
        mean = float(np.mean([answer.of_places[place] for answer in survey.answers]))
        counts.append((place.value, f"{count} of {len(survey.answers)}", f"{mean:.2%}"))
    yield from table((left(), right("top word"), right("mean probability")), counts)


def _cells(number: int, answer: SurveyAnswer) -> list[str]:
    prompt = shortened(_visible(answer.question.prompt), LONGEST_PROMPT)
    return [str(number), _word(answer), f"{answer.probability:.2%}", whole(_which(answer)), prompt]


def to_rows(survey: Survey) -> list[Row]:
    """A row per prompt. Probabilities are from 0 to 1; those of the four places add up to 1."""
    return [
        {
            "prompt": answer.question.prompt,
            "subjects": ";".join(answer.question.subjects),
            "top": answer.top,
            "probability": answer.probability,
            "place": answer.place.value,
            "subject": "" if answer.subject is None else answer.subject + 1,
            "p_earliest": answer.of_places[SubjectPlace.EARLIEST],
            "p_middle": answer.of_places[SubjectPlace.MIDDLE],
            "p_latest": answer.of_places[SubjectPlace.LATEST],
            "p_not_a_subject": answer.of_places[SubjectPlace.NONE],
            "p_subjects": ";".join(f"{probability:.6g}" for probability in answer.of_subjects),
        }
        for answer in survey.answers
    ]


def draw(survey: Survey, theme: Theme = Theme.LIGHT) -> Figure:
    """A heat map: the probability of each place after each prompt; a frame around the place of the top word."""
    places = list(SubjectPlace)
    values = [[answer.of_places[place] for place in places] for answer in survey.answers]
    return heatmap(
        values,
        [f"{number}: {_word(answer)}" for number, answer in enumerate(survey.answers, 1)],
        [place.value for place in places],
        f"What {survey.model} says next, by which subject it is",
        "probability",
        "prompt and likeliest word",
        "subject",
        {(row, places.index(answer.place)) for row, answer in enumerate(survey.answers)},
        theme,
        Scale.AMOUNT,
        "what the likeliest word is",
    )


def _which(answer: SurveyAnswer) -> str:
    """`latest, 4 of 4`."""
    if answer.subject is None:
        return answer.place.value
    return f"{answer.place.value}, {answer.subject + 1} of {len(answer.of_subjects)}"


def _word(answer: SurveyAnswer) -> str:
    """The likeliest token as people read it, without the space before it."""
    return _visible(answer.top.strip()) or repr(answer.top)


def _visible(text: str) -> str:
    """In one line, without anything that a terminal would obey."""
    return "".join(sign if sign.isprintable() else ascii(sign)[1:-1] for sign in text)
