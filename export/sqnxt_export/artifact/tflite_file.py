""".tflite files for this package: read by the simulator's frontend, and checked before LiteRT sees them."""

from __future__ import annotations

from itertools import chain
from math import inf
from pathlib import Path

from sqnxt_export.artifact.frontend_errors import as_export_errors
from sqnxt_export.errors import ExportError
from sqnxt_sim.frontend.tflite_file import read_tflite_file
from sqnxt_sim.frontend.tflite_parts import Subgraph, TfliteFile, TfliteOperator, TfliteTensor

_SCALED = ("int8", "int16")
"""Types that need a scale; LiteRT ends the process if the scale is missing or not a number."""

_LEAST_SCALE = 2.0**-126
"""The least scale that has all bits of a float32: XNNPACK takes no smaller one."""
_ZERO_POINTS = {"int4": (-8, 7), "int8": (-128, 127), "uint8": (0, 255), "int16": (-32768, 32767)}
_SUMS = ("ADD", "SUB")
_SUMS_SHIFT = {"int8": 20, "uint8": 20, "int16": 15}
"""Bits by which LiteRT shifts the addends of a sum of these types to the left."""


def read_tflite(path: Path) -> TfliteFile:
    """Read the tensors and operators of a file, and check every offset and index on the way.

    Raises:
        ExportError: The file is not a .tflite file, is cut short, or is inconsistent.
    """
    with as_export_errors():
        return read_tflite_file(path)


def check_tflite(path: Path) -> None:
    """Refuse a file that might end LiteRT's process.

    Raises:
        ExportError: See `read_tflite`; also for scales that are not positive numbers with one zero point each, for
            tensors that are read before anything writes them, and for writes to constants, inputs or twice.
    """
    file = read_tflite(path)
    faults = (fault for tensor in file.tensors if (fault := _fault_of_scales(tensor)))
    wrong_order = (fault for graph in file.subgraphs if (fault := _fault_of_order(graph)))
    wrong_sums = (fault for graph in file.subgraphs for one in graph.operators if (fault := _fault_of_sum(graph, one)))
    if fault := next(chain(faults, wrong_order, wrong_sums), ""):
        raise ExportError(path, f"damaged ({fault})", "copy or export it again")


def _fault_of_scales(tensor: TfliteTensor) -> str:
    scales, zero_points = tensor.quantization.scales, tensor.quantization.zero_points
    if len(scales) != len(zero_points):
        return f"{len(scales)} scales and {len(zero_points)} zero points"
    low, high = _ZERO_POINTS.get(tensor.kind.name, (-inf, inf))
    if outside := [point for point in zero_points if not low <= point <= high]:
        return f"an {tensor.kind.name} tensor with the zero point {outside[0]}, which ends LiteRT's process"
    missing = tensor.kind.name in _SCALED and not scales
    if missing or not all(_LEAST_SCALE <= scale < inf for scale in scales):
        return f"an {tensor.kind.name} tensor with the scales {list(scales[:4])}, which ends LiteRT's process"
    return ""


def _fault_of_order(graph: Subgraph) -> str:
    """Return what an operator reads too early or must not write: LiteRT gives such tensors no memory of their own."""
    ready = {place for place, one in enumerate(graph.tensors) if one.is_constant or one.is_variable or not one.size}
    fixed = {place for place in ready if not graph.tensors[place].is_variable} | set(graph.inputs)
    ready |= set(graph.inputs)
    for operator in graph.operators:
        early = [place for place in operator.inputs if place >= 0 and place not in ready]
        if early and not operator.is_custom:  # an NPU's command has room to work in among its inputs
            return f"operator {operator.op} reads tensor {early[0]}, which nothing has written"
        if again := [place for place in operator.outputs if place in fixed]:
            return f"operator {operator.op} writes tensor {again[0]}, which is a constant, an input or written already"
        ready |= set(operator.outputs)
        fixed |= {place for place in operator.outputs if place >= 0 and not graph.tensors[place].is_variable}
    return ""


def _fault_of_sum(graph: Subgraph, operator: TfliteOperator) -> str:
    """Return that a sum's scale is too small a part of its addends': LiteRT ends the process, as it fits no 32 bits."""
    if operator.op not in _SUMS or len(operator.inputs) != 2 or len(operator.outputs) != 1:
        return ""
    places = (*operator.inputs, *operator.outputs)
    tensors = [graph.tensors[place] for place in places if place >= 0]
    kinds, scales = [one.kind.name for one in tensors], [one.quantization.scales[:1] for one in tensors]
    shift = max((_SUMS_SHIFT[kind] for kind in kinds if kind in _SUMS_SHIFT), default=0)
    if not shift or len(tensors) != 3:
        return ""
    if not all(scales):
        return f"operator {operator.op} of {', '.join(kinds[:2])} gives {kinds[2]}, and one of them has no scale"
    (first,), (second,), (total,) = scales
    if 2 * max(first, second) >= total * 2**shift:
        return f"operator {operator.op} of the scales {first:.3g} and {second:.3g} has the scale {total:.3g}"
    return ""
