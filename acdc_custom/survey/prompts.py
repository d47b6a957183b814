"""A survey in one line of Python: whatever prompts and model a user has, asked.

Owns that one call; what a prompt has to be is `questions.py`'s business, and asking is `ask.py`'s.
"""

from __future__ import annotations

from typing import Any

from acdc_custom.model.catalogue import DEFAULT_MODEL
from acdc_custom.model.given import load_model
from acdc_custom.progress.bar import ProgressBar
from acdc_custom.progress.protocol import silent
from acdc_custom.survey.ask import Survey, ask
from acdc_custom.survey.questions import questions_of
from acdc_custom.task.tokens import Encoder


def survey_prompts(
    questions: Any, model: Any = DEFAULT_MODEL, prepend_bos: bool | None = None, progress: bool = True
) -> Survey:
    """What a model says after each prompt, and which subject that is.

    `questions` is the path of a survey file, a DataFrame with the columns prompt and subjects, or a list of mappings
    with these keys or of pairs `(prompt, subjects)`. `model` is anything that `load_model` takes. `prepend_bos` is by
    default what the tokenizer does by itself. A bar shows the progress, unless `progress` is false. Raises `TaskError`
    for a prompt that cannot be asked.
    """
    asked = questions_of(questions)
    loaded = load_model(model)
    bos = Encoder(loaded.tokenizer).beginning(prepend_bos)
    with ProgressBar(unit=" prompts") as bar:
        return ask(loaded, asked, bos, bar if progress else silent)
