"""How far a model's own answers move when its inputs change in their last bit.

No artifact can come closer to a model than the model does to itself: another order of the same sums changes as much.
Networks whose signals grow from layer to layer, as those of deep random weights may, enlarge rounding without bound.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sqnxt_export.parity import Judging, compare_all
from sqnxt_export.runtimes.signatures import run_model
from sqnxt_export.runtimes.tensors import Samples, as_arrays
from sqnxt_export.thresholds import MAX_REL_DIFF

_SAMPLES = 4


def own_difference(
    model: Any, samples: Samples, reference: Sequence[tuple[str, NDArray[Any]]], judging: Judging
) -> float:
    """Return by how much the model differs from itself, relative to its largest value, as `Parity` does.

    Args:
        model: What gave the reference.
        samples: Its inputs; those that are integers are left as they are.
        reference: Name and values of each output.
        judging: What the outputs are.
    """
    moved = [_last_bit_moved(values[:_SAMPLES]) for values in as_arrays(samples)]
    first = [(name, values[:_SAMPLES]) for name, values in reference]
    return compare_all(first, run_model(model, moved), "float32", judging).max_rel_diff


def enlarges_rounding(difference: float) -> bool:
    """Return whether a model with this difference from itself would not pass float32's own threshold."""
    return difference > MAX_REL_DIFF["float32"]


def _last_bit_moved(values: NDArray[Any]) -> NDArray[Any]:
    return np.nextafter(values, np.float32(np.inf)) if values.dtype == np.float32 else values
