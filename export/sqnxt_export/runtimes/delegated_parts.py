"""The parts of a .tflite file that a delegate takes over, and the operators without a time of their own."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from sqnxt_export._libraries import quiet_stderr, require
from sqnxt_export.artifact.tflite_layers import TfliteLayers
from sqnxt_export.errors import ExportError, one_line
from sqnxt_export.runtimes.feeds import Feed, fixed_shape

_DELEGATE = "DELEGATE"
_FORWARD = frozenset({"DEQUANTIZE", "MIRROR_PAD", "PAD", "PADV2", "QUANTIZE"})
"""Operators that become part of one that reads their output; others become part of what they read."""


def delegated_parts(path: Path, layers: TfliteLayers, threads: int, dims: Mapping[str, int]) -> list[tuple[int, ...]]:
    """Return the nodes of each part that a delegate runs, in the order of execution.

    LiteRT's interpreter lists the operators of the file, and behind them one DELEGATE for each part, with the tensors
    that it reads and writes. The part is what lies between them.

    Raises:
        ExportError: LiteRT refuses the file, or does not list the operators that the file has.
    """
    operators = _operators(path, threads, dims)
    count = len(layers.operators)
    listed = [item["op_name"] for item in operators[:count]]
    if listed != [node.op for node in layers.operators] or any(
        item["op_name"] != _DELEGATE for item in operators[count:]
    ):
        raise ExportError(path, "has other operators in LiteRT than in the file", "measure it without its layers")
    return [
        tuple(sorted(_between(layers, map(int, item["inputs"]), map(int, item["outputs"]))))
        for item in operators[count:]
    ]


def holders(layers: TfliteLayers, timed: Collection[int]) -> dict[int, int]:
    """Return the timed node that each other one became part of.

    Padding and the conversion of weights become part of the operator that reads them; an activation or a Reshape part
    of the one whose output it reads.
    """
    found: dict[int, int] = {}
    for place, node in enumerate(layers.operators):
        if place in timed:
            continue
        forward, backward = _nearest(layers, place, timed, ahead=True), _nearest(layers, place, timed, ahead=False)
        is_early = node.op in _FORWARD or node.is_constant
        first, second = (forward, backward) if is_early else (backward, forward)
        chosen = first if first is not None else second
        found[place] = chosen if chosen is not None else min(timed, key=lambda other: abs(other - place))
    return found


def _operators(path: Path, threads: int, dims: Mapping[str, int]) -> list[dict[str, Any]]:
    runtime = require("ai_edge_litert.interpreter", "to run a .tflite file")
    try:
        with quiet_stderr():
            interpreter = runtime.Interpreter(model_path=str(path), num_threads=threads)
            for item in interpreter.get_input_details():
                sides = item["shape_signature"] if len(item["shape_signature"]) else item["shape"]
                feed = Feed(item["name"], np.dtype(item["dtype"]).name, [int(side) for side in sides])
                if feed.free:
                    interpreter.resize_tensor_input(item["index"], fixed_shape(feed, dims))
            interpreter.allocate_tensors()
            found: list[dict[str, Any]] = interpreter._get_ops_details()
    except Exception as error:  # LiteRT's own errors; the list of operators is private and may be removed
        raise ExportError(path, f"LiteRT refuses it ({one_line(error)})", "measure it without its layers") from error
    return found


def _between(layers: TfliteLayers, inputs: Iterable[int], outputs: Iterable[int]) -> set[int]:
    """Return the nodes that lead from some tensors to others."""
    known, found, waiting = set(inputs), set[int](), list(outputs)
    while waiting:
        tensor = waiting.pop()
        place = layers.producers.get(tensor)
        if tensor in known or place is None or place in found:
            continue
        found.add(place)
        waiting += layers.operators[place].inputs
    return found


def _nearest(layers: TfliteLayers, place: int, timed: Collection[int], *, ahead: bool) -> int | None:
    """Return the nearest timed node that reads what a node writes, or that writes what it reads."""
    seen, layer = {place}, [place]
    while layer:
        following = [other for one in layer for other in _neighbours(layers, one, ahead=ahead) if other not in seen]
        if reached := [other for other in following if other in timed]:
            return min(reached) if ahead else max(reached)
        seen.update(following)
        layer = list(dict.fromkeys(following))
    return None


def _neighbours(layers: TfliteLayers, place: int, *, ahead: bool) -> list[int]:
    node = layers.operators[place]
    if ahead:
        return [reader for tensor in node.outputs for reader in layers.readers.get(tensor, ())]
    return [layers.producers[tensor] for tensor in node.inputs if tensor in layers.producers]
