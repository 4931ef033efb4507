"""The range of every activation, from running the float graph on calibration samples."""

from __future__ import annotations

import numpy as np
import onnx
from numpy.typing import NDArray

from .._runtime import onnx_session
from ..batching import batches, filled
from ..errors import ExportError

Ranges = dict[str, tuple[float, float]]


def calibrate(model: onnx.ModelProto, samples: NDArray[np.float32]) -> Ranges:
    """Smallest and largest value of every float activation over all samples, zero included.

    Args:
        model: A float32 graph whose input is NCHW.
        samples: float32 NHWC [n, h, w, c], preprocessed. The caller keeps them apart from the samples that parity is
            judged on: a range that was fitted to the judge's samples proves nothing.

    Raises:
        ExportError: The graph gives values that are not finite.
    """
    ranges: Ranges = {}
    session, names, batch = _observing_session(model)
    for part in batches(samples, batch):
        images = np.ascontiguousarray(filled(part, batch).transpose(0, 3, 1, 2))
        for name, values in zip(names, session.run(names, {model.graph.input[0].name: images}), strict=True):
            _widen(ranges, name, values)
        _widen(ranges, model.graph.input[0].name, images)
    return ranges


def _observing_session(model: onnx.ModelProto):  # type: ignore[no-untyped-def]
    """A session of the graph with every node's output as an output, their names, and the batch."""
    observed = onnx.ModelProto()
    observed.CopyFrom(model)
    given = {output.name for output in model.graph.output}
    names = [name for node in model.graph.node for name in node.output]
    observed.graph.output.extend(
        onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None) for name in names if name not in given
    )
    session = onnx_session(observed.SerializeToString())
    return session, names, model.graph.input[0].type.tensor_type.shape.dim[0].dim_value or 1


def _widen(ranges: Ranges, name: str, values: NDArray[np.float32]) -> None:
    low, high = ranges.get(name, (0.0, 0.0))
    low, high = min(low, float(values.min())), max(high, float(values.max()))
    if not np.isfinite([low, high]).all():
        raise ExportError(f"calibration: tensor {name!r} has values that are not finite; check the model's weights")
    ranges[name] = (low, high)
