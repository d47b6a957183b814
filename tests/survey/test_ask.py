"""What the model says is what TransformerLens says it says, and is sorted by subject."""

from __future__ import annotations

import pytest
import torch
from matplotlib.patches import Rectangle

from acdc_custom.errors import TaskError, UsageError
from acdc_custom.model.model import Model
from acdc_custom.model.open import open_model
from acdc_custom.survey.ask import SubjectPlace, Survey, SurveyAnswer, ask, place_of
from acdc_custom.survey.prompts import survey_prompts
from acdc_custom.survey.questions import SurveyQuestion
from acdc_custom.survey.table import draw, lines, to_rows
from acdc_custom.task.tokens import Encoder

QUESTIONS = [
    SurveyQuestion(
        "here",
        "Alice is a teacher. Bob is a student. The child is Bob. Carol is a teacher. David is a student. The child is",
        ("Alice", "Bob", "Carol", "David"),
    ),
    SurveyQuestion("here", "Mary and John went to the store. John gave", ("Mary", "John")),
    SurveyQuestion("here", "When Mary and John went to the store, John gave a drink to", ("Mary", "John")),
]


@pytest.fixture(scope="module")
def model() -> Model:
    return open_model("demo-4l")


@pytest.mark.parametrize("prepend_bos", [False, True])
def test_probabilities_are_those_of_transformer_lens_prompt_by_prompt(model: Model, prepend_bos: bool) -> None:
    bos = [model.tokenizer.bos_token_id] if prepend_bos else []
    survey = ask(model, QUESTIONS, bos)
    for question, answer in zip(QUESTIONS, survey.answers, strict=True):
        ids = bos + model.tokenizer(question.prompt, add_special_tokens=False)["input_ids"]
        with torch.no_grad():
            logits = model.bridge(torch.tensor([ids]), return_type="logits")[0, -1]
        expected = logits.double().softmax(-1)
        top = int(expected.argmax())
        subjects = [model.tokenizer(f" {name}", add_special_tokens=False)["input_ids"][0] for name in question.subjects]
        assert answer.question is question
        assert answer.top == model.tokenizer.decode([top])
        assert answer.probability == pytest.approx(float(expected[top]), rel=1e-4)
        assert answer.of_subjects == pytest.approx([float(expected[token]) for token in subjects], rel=1e-3, abs=1e-7)
        assert answer.subject == (subjects.index(top) if top in subjects else None)


def test_the_model_names_the_latest_subject_the_earliest_or_none(model: Model) -> None:
    survey = ask(model, QUESTIONS)
    assert [answer.place for answer in survey.answers] == [
        SubjectPlace.LATEST,
        SubjectPlace.NONE,
        SubjectPlace.EARLIEST,
    ]


def test_how_far_it_is_is_told(model: Model) -> None:
    heard: list[tuple[int, int]] = []
    answers = ask(model, QUESTIONS * 20, on_progress=lambda what, more, total: heard.append((more, total))).answers
    assert heard == [(32, 60), (28, 60)]
    for first, again in zip(answers, answers[3:], strict=False):  # in whatever company a prompt is asked
        assert again.of_subjects == pytest.approx(first.of_subjects, abs=1e-6)


def test_places_are_counted_from_both_ends() -> None:
    assert [place_of(index, 2) for index in range(2)] == [SubjectPlace.EARLIEST, SubjectPlace.LATEST]
    assert [place_of(index, 4) for index in range(4)] == [
        SubjectPlace.EARLIEST,
        SubjectPlace.MIDDLE,
        SubjectPlace.MIDDLE,
        SubjectPlace.LATEST,
    ]


def made_up(subject: int | None, *of_subjects: float) -> SurveyAnswer:
    names = ("Ann", "Bob", "Carol", "David")[: len(of_subjects)]
    top = " who" if subject is None else f" {names[subject]}"
    probability = 0.5 if subject is None else of_subjects[subject]
    return SurveyAnswer(SurveyQuestion("here", "Ann\x1b saw", names), top, probability, subject, of_subjects)


MADE_UP = Survey(
    "tiny",
    (made_up(3, 0.125, 0.0625, 0.0625, 0.5), made_up(1, 0.25, 0.5), made_up(None, 0.125, 0.25)),
    (),
)


def test_the_table_counts_top_words_and_averages_probabilities() -> None:
    said = list(lines(MADE_UP))
    assert said[1].split() == ["1", "David", "50.00%", "latest,", "4", "of", "4", "Ann\\x1b", "saw"]
    assert said[3].split() == ["3", "who", "50.00%", "not", "a", "subject", "Ann\\x1b", "saw"]
    assert [line.split() for line in said[-4:]] == [
        ["earliest", "0", "of", "3", "16.67%"],
        ["middle", "0", "of", "3", "4.17%"],
        ["latest", "2", "of", "3", "41.67%"],
        ["not", "a", "subject", "1", "of", "3", "37.50%"],
    ]


def test_rows_have_every_probability_and_places_add_up_to_one() -> None:
    rows = to_rows(MADE_UP)
    assert [(row["top"], row["place"], row["subject"]) for row in rows] == [
        (" David", "latest", 4),
        (" Bob", "latest", 2),
        (" who", "not a subject", ""),
    ]
    assert rows[0]["p_middle"] == 0.125 and rows[0]["p_subjects"] == "0.125;0.0625;0.0625;0.5"
    for row in rows:
        assert sum(float(row[f"p_{place}"]) for place in ("earliest", "middle", "latest", "not_a_subject")) == 1


def test_the_picture_has_a_row_per_prompt_and_frames_the_place_of_the_top_word() -> None:
    figure = draw(MADE_UP)
    written = {text.get_position()[::-1]: text.get_text() for text in figure.main.texts}
    rows = [[written[row, column] for column in range(4)] for row in range(3)]
    assert rows == [[".12", ".12", ".50", ".25"], [".25", "0", ".50", ".25"], [".12", "0", ".25", ".62"]]
    frames = [patch for patch in figure.main.patches if isinstance(patch, Rectangle)]
    framed = {(round(patch.get_y() + 0.43), round(patch.get_x() + 0.43)) for patch in frames}
    assert framed == {(0, 2), (1, 2), (2, 3)}


def question(prompt: str, *subjects: str) -> SurveyQuestion:
    return SurveyQuestion("x.csv, line 2", prompt, subjects)


def test_subjects_that_cannot_be_told_apart_are_refused(model: Model) -> None:
    with pytest.raises(TaskError, match=r'x\.csv, line 2: the tokenizer does not know the subject "Xerxes"'):
        ask(model, [question("Mary saw Xerxes. Then", "Mary", "Xerxes")])
    with pytest.raises(TaskError, match='the subjects "Mary" and "Mary John" begin with the same token'):
        ask(model, [question("Mary saw Mary John. Then", "Mary", "Mary John")])


def test_several_tokens_and_unknown_words_are_noted(model: Model) -> None:
    survey = ask(model, [question("Mary gave John Peter to Samarkand. Then", "Mary", "John Peter")])
    assert survey.notes == (
        "The tokenizer does not know these words, the model reads them all alike: Samarkand.",
        "These are several tokens, and are judged by their first: John Peter.",
    )


def test_a_prompt_that_is_too_long_is_refused(model: Model) -> None:
    with pytest.raises(UsageError, match=r"x\.csv, line 2: the prompt has \d+ tokens; this model reads at most"):
        ask(model, [question("Mary saw John. " * 500 + "Then", "Mary", "John")])


def test_a_survey_in_one_line_is_that_of_the_command(model: Model) -> None:
    rows = [(question.prompt, question.subjects) for question in QUESTIONS]
    survey = survey_prompts(rows, model, progress=False)
    bos = Encoder(model.tokenizer).beginning(None)
    expected = ask(model, QUESTIONS, bos).answers
    assert [answer.of_subjects for answer in survey.answers] == [answer.of_subjects for answer in expected]
    assert [answer.question.prompt for answer in survey.answers] == [question.prompt for question in QUESTIONS]
