"""The operator sets that an ONNX artifact may ask for: from what its precision needs to what onnxruntime knows."""

from __future__ import annotations

import functools

import onnx

from sqnxt_export._libraries import onnx_session
from sqnxt_export.artifact.opset import LOWEST, with_opset
from sqnxt_export.errors import ExportError

_NEEDED_BY_INT16 = 21
"""The first operator set whose Q/DQ nodes take 16-bit integers."""


def check_opset(opset: int, precision: str) -> None:
    """Refuse an operator set before any work is done.

    Raises:
        ExportError: No graph of this precision can have it, or onnxruntime does not know it.
    """
    lowest, newest = _NEEDED_BY_INT16 if precision == "int16" else LOWEST, newest_opset()
    if not lowest <= opset <= newest:
        raise ExportError(
            f"opset {opset}",
            f"is out of range, since {precision} needs {lowest} at least and onnxruntime knows up to {newest}",
            f"use `opset={min(max(opset, lowest), newest)}` or leave `opset` out",
        )


@functools.cache
def newest_opset() -> int:
    """Return the newest operator set that the installed onnxruntime opens, found by opening a graph of one node.

    Raises:
        ExportError: Onnxruntime is not installed, or opens none.
    """
    kind = onnx.TensorProto.FLOAT
    ends = [onnx.helper.make_tensor_value_info(name, kind, [1]) for name in "xy"]
    graph = onnx.helper.make_graph([onnx.helper.make_node("Identity", ["x"], ["y"])], "one", ends[:1], ends[1:])
    for version in range(onnx.defs.onnx_opset_version(), LOWEST - 1, -1):
        model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", LOWEST)])
        try:
            onnx_session(with_opset(model, version).SerializeToString())
        except ExportError:
            raise
        except Exception:  # onnxruntime's classes share no base class of their own
            continue
        return version
    raise ExportError("onnxruntime", "opens no graph", "install it again")
