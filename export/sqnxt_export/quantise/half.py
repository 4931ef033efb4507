"""Storage in float16: each weight is stored in half the bytes and widened by a Cast; everything else is float32.

onnxruntime folds the Casts when it loads the file, so the artifact has half the size and float32's speed. The usual
conversion of the whole graph to float16 takes 1.3x float32's time on a CPU, which has no half-precision kernels.
"""

from __future__ import annotations

import numpy as np
import onnx
from numpy.typing import NDArray

from sqnxt_export.errors import ExportError
from sqnxt_export.quantise.graph_edit import GraphEdit

_LARGEST = float(np.finfo(np.float16).max)


def to_float16(model: onnx.ModelProto) -> onnx.ModelProto:
    """Store the weights of convolutions and dense layers as float16, in a copy of the model; biases stay float32.

    Raises:
        ExportError: A weight is beyond float16's range.
    """
    edit = GraphEdit(model)
    casts: dict[str, onnx.NodeProto] = {}
    for node in edit.weighted_nodes():
        name = node.input[1]
        wide = f"{name}_float32"
        if name not in casts:  # weights that several layers share are stored once
            half = edit.add_constant(f"{name}_float16", as_half(edit.values(name), node.name))
            casts[name] = onnx.helper.make_node("Cast", [half], [wide], f"{node.name}/cast", to=onnx.TensorProto.FLOAT)
        node.input[1] = wide
    return edit.finish([*casts.values(), *edit.graph.node])


def as_half(weights: NDArray[np.float32], layer: str) -> NDArray[np.float16]:
    """Round the weights of `layer` to the nearest float16.

    Raises:
        ExportError: A weight is beyond float16's range.
    """
    if np.abs(weights).max(initial=0) > _LARGEST:
        raise ExportError(f"layer {layer!r}", f"has weights beyond float16's {_LARGEST:g}", 'use `precision="float32"`')
    return weights.astype(np.float16)
