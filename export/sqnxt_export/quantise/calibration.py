"""The range of every activation, measured by running the float graph on calibration samples."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from sqnxt_export._libraries import onnx_session
from sqnxt_export.errors import ExportError
from sqnxt_export.quantise.feeding import fed_batches
from sqnxt_export.quantise.histogram import Histogram
from sqnxt_export.runtimes.tensors import Samples, as_arrays

Ranges = dict[str, tuple[float, float]]

_PERCENTILE = 99.99
"""Percentage of a tensor's values that the method "percentile" keeps in range."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """The ranges of all activations, by tensor name; every range includes zero.

    Attributes:
        ranges: Ranges for 8 bits, by the calibration method.
        extremes: Smallest and largest value; used for 16 bits, which are wide enough to clip nothing.
        samples: Number of samples that were run.
    """

    ranges: Ranges
    extremes: Ranges
    samples: int


def calibrate(
    model: onnx.ModelProto, samples: Samples, method: str = "minmax", percent: float = _PERCENTILE
) -> Calibration:
    """Measure the range of every float activation, in one pass over the samples and in bounded memory.

    Args:
        model: A float32 graph.
        samples: One array [n, ...] per input, as the Keras model takes them, preprocessed. They must differ from the
            samples that parity is judged on: a range that was fitted to those proves nothing.
        method: "minmax" takes the smallest and the largest value, "percentile" leaves the outermost values out,
            "entropy" clips where clipping loses less information than the finer steps gain.
        percent: Percentage of the values that "percentile" keeps.

    Raises:
        ExportError: The graph returns values that are not finite.
    """
    kind = _MinMax if method == "minmax" else Histogram
    found: dict[str, Any] = {}
    session, names = observing_session(model)
    for feeds, _ in fed_batches(model, samples):
        for name, values in (*zip(names, session.run(names, feeds), strict=True), *feeds.items()):
            if values.dtype == np.float32:
                _add(found.setdefault(name, kind()), name, values)
    extremes = {name: (seen.low, seen.high) for name, seen in found.items()}
    ranges = extremes
    if method == "percentile":
        ranges = {name: histogram.percentile_range(percent) for name, histogram in found.items()}
    elif method == "entropy":
        ranges = {name: histogram.entropy_range() for name, histogram in found.items()}
    return Calibration(ranges, extremes, len(as_arrays(samples)[0]))


class _MinMax:
    """The smallest and the largest value so far, including zero."""

    def __init__(self) -> None:
        self.low = self.high = 0.0

    def add(self, values: NDArray[np.float32]) -> None:
        self.low, self.high = min(self.low, float(values.min())), max(self.high, float(values.max()))


def observing_session(
    model: onnx.ModelProto, names: list[str] | None = None, *, optimise: bool = True
) -> tuple[Any, list[str]]:
    """Open a session of the graph that returns intermediate tensors.

    Args:
        model: The graph.
        names: The tensors to return; every float tensor that a node computes if None.
        optimise: Whether onnxruntime may rewrite the graph.

    Returns:
        The session and the names of the tensors.
    """
    observed = onnx.ModelProto()
    observed.CopyFrom(model)
    given = {output.name for output in model.graph.output}
    names = _float_tensors(model) if names is None else names
    observed.graph.output.extend(
        onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None) for name in names if name not in given
    )
    session = onnx_session(observed.SerializeToString(), optimise=optimise)
    return session, names


def _float_tensors(model: onnx.ModelProto) -> list[str]:
    """Return the float tensors that nodes compute; a tensor of unknown type is taken to be one."""
    values = (*model.graph.value_info, *model.graph.output)
    types = {value.name: value.type.tensor_type.elem_type for value in values}
    made = [name for node in model.graph.node for name in node.output if name]
    return [name for name in made if types.get(name, onnx.TensorProto.FLOAT) == onnx.TensorProto.FLOAT]


def _add(found: Any, name: str, values: NDArray[np.float32]) -> None:
    if not np.isfinite([values.min(), values.max()]).all():
        raise ExportError("calibration", f"tensor {name!r} has values that are not finite", "check the model's weights")
    found.add(values)
