"""How large a model is, told before it is loaded."""

from __future__ import annotations

import pytest

from acdc_custom.errors import UsageError
from acdc_custom.model.open import open_model
from acdc_custom.model.size import model_bytes


def test_it_is_what_the_loaded_model_has() -> None:
    numbers = open_model("demo-4l").n_parameters
    assert model_bytes("demo-4l", "float32") == 4 * numbers
    assert model_bytes("demo-4l", "float64") == 8 * numbers


def test_a_model_that_is_not_there_is_told() -> None:
    with pytest.raises(UsageError, match="there is no directory"):
        model_bytes("./nowhere", "float32")
