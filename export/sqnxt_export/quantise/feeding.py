"""Samples in the Keras model's order, handed to a graph that may hold channels first."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from sqnxt_export.artifact.layouts import layouts_of
from sqnxt_export.image_batches import filled
from sqnxt_export.runtimes.tensors import Samples, as_arrays


def fed_batches(
    model: onnx.ModelProto, samples: Samples, free_batch: int = 1
) -> Iterator[tuple[dict[str, NDArray[Any]], int]]:
    """Yield the inputs of one run after the other, each with the number of samples that are not filling.

    Args:
        model: The graph; a graph that does not tell its layouts holds images channels first.
        samples: One array [n, ...] per input of the graph.
        free_batch: Samples per run if the graph leaves the batch free.
    """
    arrays = as_arrays(samples)
    given = list(model.graph.input)
    size = given[0].type.tensor_type.shape.dim[0].dim_value or free_batch
    layouts = layouts_of(model)
    first = [
        array.ndim == 4 if layouts is None else value.name in layouts
        for value, array in zip(given, arrays, strict=True)
    ]
    for start in range(0, len(arrays[0]), size):
        parts = [filled(array[start : start + size], size) for array in arrays]
        moved = [np.moveaxis(x, -1, 1) if is_first else x for x, is_first in zip(parts, first, strict=True)]
        feeds = {value.name: np.ascontiguousarray(x) for value, x in zip(given, moved, strict=True)}
        yield feeds, min(size, len(arrays[0]) - start)
