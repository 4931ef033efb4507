"""JSON documents are those of Python's own writer, to the last character."""

from __future__ import annotations

import json
from enum import StrEnum
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sqnxt_tf.cli.indented_json import indented_json


class Colour(StrEnum):
    RED = "red"


scalars = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
    | st.sampled_from((Colour.RED, np.float64(1.5), 1e300, -0.0))
)  # fmt: skip
keys = st.text() | st.integers() | st.booleans() | st.none() | st.just(Colour.RED) | st.just(1.5)
documents = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.tuples(inner, inner) | st.dictionaries(keys, inner, max_size=4),
)


@settings(max_examples=200, deadline=None)
@given(documents)
def test_text_is_that_of_json_dumps(document: Any) -> None:
    assert indented_json(document) == json.dumps(document, indent=2, allow_nan=False)


@pytest.mark.parametrize("number", [float("nan"), float("inf"), np.float64("-inf")])
def test_numbers_that_json_does_not_have_are_refused(number: float) -> None:
    for document in (number, [number], {"a": [1, {"b": number}]}):
        with pytest.raises(ValueError, match="Out of range float"):
            indented_json(document)


@pytest.mark.parametrize("value", [object(), {"a": b"bytes"}, [np.int64(1)], {(1, 2): 3}])
def test_values_that_json_does_not_have_are_refused(value: Any) -> None:
    with pytest.raises(TypeError):
        indented_json(value)
