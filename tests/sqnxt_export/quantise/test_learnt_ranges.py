"""Learnt ranges in the metadata of a model that may come from anyone."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from helpers.keras_networks import BUILDERS
from sqnxt_export import ExportError, LearntRanges, Metadata, quantise_onnx, to_onnx


def test_ranges_go_through_the_metadata() -> None:
    ranges = LearntRanges(precision="int8", ranges={"input": (-1.0, 2.0), "stem": (0.0, 6.0)})
    metadata = Metadata(extra={"other": 1, **ranges.to_extra()})
    assert LearntRanges.of(metadata) == ranges
    assert LearntRanges.dropped_from(metadata.extra) == {"other": 1}
    assert LearntRanges.of(Metadata()) is None


@pytest.mark.parametrize(
    "entry",
    [
        3,
        {},
        {"precision": "int8", "ranges": [1]},
        {"precision": "int8", "ranges": {"stem": 3}},
        {"precision": "int8", "ranges": {"stem": [0, 1, 2]}},
        {"precision": "int8", "ranges": {"stem": ["a", 1]}},
        {"precision": "int8", "ranges": {"stem": [1, 2]}},
        {"precision": "int8", "ranges": {"stem": [0, float("nan")]}},
        {"precision": "int8", "ranges": {"stem": [0, float("inf")]}},
    ],
)
def test_an_entry_that_holds_no_ranges_is_refused(entry: Any) -> None:
    with pytest.raises(ExportError, match="holds no ranges of activations"):
        LearntRanges.of(Metadata(extra={"quantisation_aware": entry}))


def test_a_range_of_a_layer_that_the_graph_does_not_have_is_refused() -> None:
    graph = to_onnx(BUILDERS["squeezenext_like"]())
    images = np.zeros((2, 19, 19, 3), np.float32)
    with pytest.raises(ExportError, match=r"'nowhere'.*has a learnt range and no node in the graph"):
        quantise_onnx(graph, "int8", images, learnt=LearntRanges(precision="int8", ranges={"nowhere": (0.0, 1.0)}))
