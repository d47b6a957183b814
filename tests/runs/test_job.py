"""Jobs that share a model, and jobs that share their prompts, are told by what these depend on."""

from __future__ import annotations

from typing import Any

import pytest

from acdc_custom.circuit.settings import NAMES, SearchSettings
from acdc_custom.runs.job import Job

OTHER: dict[str, Any] = {
    "method": "eap",
    "threshold": 0.5,
    "edges": 7,
    "ranking": "signed",
    "steps": 7,
    "metric": "logit-diff",
    "ablation": "mean",
    "knock_out": "a0.h1",
    "order": "random",
    "order_seed": 1,
    "n": 7,
    "seed": 1,
    "corruption": "rename",
    "templates": "1",
    "resample": 1,
    "held_out": 7,
    "start": "results/other",
    "positions": True,
    "refine": True,
    "window": 7,
    "memory_limit": 7,
    "device": "cpu",
    "dtype": "float64",
}
OF_A_MODEL = {"device", "dtype"}
OF_A_BATCH = OF_A_MODEL | {
    "n", "seed", "corruption", "templates", "resample", "held_out", "ablation", "knock_out", "memory_limit",
}  # fmt: skip
JOB = Job("a", "ioi")


def test_every_setting_is_tried_below() -> None:
    assert OTHER.keys() == set(NAMES)
    assert all(SearchSettings().flat()[name] != value for name, value in OTHER.items())


@pytest.mark.parametrize("name", NAMES)
def test_a_setting_parts_jobs_where_the_model_or_the_activations_depend_on_it(name: str) -> None:
    other = Job("b", "ioi", settings=SearchSettings.of(**{name: OTHER[name]}))
    assert (other.opened != JOB.opened) == (name in OF_A_MODEL)
    assert (other.batch != JOB.batch) == (name in OF_A_BATCH)


def test_the_model_parts_jobs_the_task_parts_their_prompts_and_the_name_nothing() -> None:
    assert Job("b", "ioi").batch == JOB.batch
    assert Job("a", "antonyms").opened == JOB.opened and Job("a", "antonyms").batch != JOB.batch
    assert Job("a", "ioi", "gpt2").opened != JOB.opened and Job("a", "ioi", "gpt2").batch != JOB.batch
