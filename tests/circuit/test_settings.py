"""Settings take names and values, are read back as they were, and refuse what cannot be."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acdc_custom.choices import Ablation, CustomMetric, Device, Metric, Order, Precision, Ranking
from acdc_custom.circuit.settings import NAMES, SearchSettings
from acdc_custom.errors import UsageError
from acdc_custom.files.records import from_plain, to_plain
from acdc_custom.task.selection import PromptSelection

COUNTS = st.none() | st.integers(1, 10**6)
OPTIONS = st.fixed_dictionaries(
    {},
    optional={
        "method": st.sampled_from(["acdc", "eap", "one of a newer version"]),
        "threshold": st.none() | st.floats(0, 1e6),
        "edges": COUNTS,
        "ranking": st.sampled_from(Ranking),
        "steps": st.none() | st.integers(1, 50),
        "metric": st.sampled_from([None, "kl", "logit-diff", "module:function"]),
        "ablation": st.sampled_from(Ablation),
        "knock_out": st.sampled_from(["", "a9.h6", "a9.h6,a9.h9"]),
        "order": st.sampled_from(Order),
        "order_seed": st.integers(0, 2**31),
        "n": COUNTS.filter(lambda n: n is None or n <= 100_000),
        "seed": st.integers(0, 2**31),
        "corruption": st.sampled_from([None, "switch", "é"]),
        "templates": st.sampled_from(["", "0,2"]),
        "resample": st.none() | st.integers(0, 2**31),
        "window": COUNTS,
        "memory_limit": COUNTS,
        "device": st.sampled_from(Device),
        "dtype": st.sampled_from(Precision),
    },
)


@given(OPTIONS)
def test_the_flat_settings_make_the_settings_again(options: dict[str, Any]) -> None:
    settings = SearchSettings.of(**options)
    assert SearchSettings.of(**settings.flat()) == settings
    assert tuple(settings.flat()) == NAMES
    assert settings.flat() == SearchSettings().flat() | to_plain(options)


@given(OPTIONS)
def test_a_file_gives_back_the_settings_that_were_written(options: dict[str, Any]) -> None:
    settings = SearchSettings.of(**options)
    assert from_plain(SearchSettings, json.loads(json.dumps(to_plain(settings)))) == settings


@given(OPTIONS, OPTIONS)
def test_what_is_changed_last_counts_and_the_rest_stays(first: dict[str, Any], second: dict[str, Any]) -> None:
    assert SearchSettings.of(**first).with_(**second) == SearchSettings.of(**first | second)


def test_every_setting_has_one_name_wherever_it_lies() -> None:
    own = {f.name for f in fields(SearchSettings)} - {"prompts"}
    of_prompts = {f.name for f in fields(PromptSelection)}
    assert not own & of_prompts and set(NAMES) == own | of_prompts and len(NAMES) == len(set(NAMES))


def test_a_choice_may_be_given_by_its_value_and_is_its_member_then() -> None:
    settings = SearchSettings.of(ablation="mean", order="random", ranking="signed", device="cpu", dtype="float64")
    chosen = (settings.ablation, settings.order, settings.ranking, settings.device, settings.dtype)
    assert chosen == (Ablation.MEAN, Order.RANDOM, Ranking.SIGNED, Device.CPU, Precision.FLOAT64)
    assert all(map(isinstance, chosen, (Ablation, Order, Ranking, Device, Precision)))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"treshold": 0.1}, r'"treshold" is no setting\. Did you mean "threshold"\?'),
        ({"prompts": PromptSelection()}, '"prompts" is no setting'),
        ({"threshold": -1.0}, "the threshold is -1"),
        ({"threshold": float("nan")}, "the threshold is nan"),
        ({"edges": 0}, "the edges is 0: it must be at least 1"),
        ({"window": 0}, "the window is 0: it must be at least 1"),
        ({"memory_limit": -1}, "the memory limit is -1: it must be at least 1"),
        ({"metric": "k"}, 'no metric is called "k"'),
        ({"ablation": "noise"}, r'there is no ablation "noise"\. There are: .*mean'),
        ({"order": "up"}, r'there is no order "up"\. There are: .*random'),
        ({"knock_out": "m3"}, "m3 is no head"),
        ({"order_seed": -1}, "the seed is -1"),
        ({"n": 0}, "the number of prompts has to be 1 or more, not 0"),
        ({"resample": -1}, "the seed is -1"),
    ],
)
def test_what_cannot_be_a_setting_is_refused_however_it_is_given(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        SearchSettings.of(**options)
    if options.keys() <= {f.name for f in fields(SearchSettings)} - {"prompts"}:
        with pytest.raises(UsageError, match=message):
            replace(SearchSettings(), **options)


def test_the_metric_of_complete_settings_is_built_in_or_a_function() -> None:
    assert SearchSettings.of(metric="logit-diff").parsed_metric is Metric.LOGIT_DIFF
    assert SearchSettings.of(metric="module:function").parsed_metric == CustomMetric("module:function")


def test_what_the_size_of_the_circuit_depends_on_names_a_folder() -> None:
    assert SearchSettings.of(threshold=0.010).amount == "0.01"
    assert SearchSettings.of(method="eap", edges=200).amount == "200"
