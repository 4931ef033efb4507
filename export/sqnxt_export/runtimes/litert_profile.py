"""The time of each operator of a .tflite file, measured by LiteRT's own profiler and by XNNPACK's."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from sqnxt_export.artifact.tflite_layers import TfliteLayers, read_tflite_layers
from sqnxt_export.errors import ExportError
from sqnxt_export.runtimes.delegated_parts import delegated_parts, holders
from sqnxt_export.runtimes.litert_model import DELEGATED, OPERATOR, Event, LiteRtModel
from sqnxt_export.runtimes.node_time import NodeTime
from sqnxt_export.runtimes.xnnpack_alignment import aligned

_REMEDY = "measure it without its layers"
_CALLS = frozenset({"CALL", "IF", "WHILE"})
"""Operators that run other graphs of the file."""
_CUT_MICROSECONDS = 0.5
"""XNNPACK cuts each operator's time to whole µs, and so loses this much of it in the mean."""


def profile_tflite(
    path: Path, *, threads: int, runs: int, warmup: int = 5, dims: Mapping[str, int] = MappingProxyType({})
) -> tuple[NodeTime, ...]:
    """Run a file on noise and time its operators, each of which counts once: by itself, or as a part of another.

    The library's C interface is opened in this process. It is refused in versions that were not tried.

    Args:
        path: A file that `check_artifact` has checked.
        threads: Number of threads.
        runs: Number of runs to time.
        warmup: Number of runs before those.
        dims: Sizes of free sides, see `open_timed`; others are one.

    Raises:
        ExportError: LiteRT cannot run the file, is not installed, or is of a version whose C interface is unknown; or
            what the profiler says does not fit the file.
    """
    layers = read_tflite_layers(path)
    if calls := sorted({node.op for node in layers.operators} & _CALLS):
        raise ExportError(path, f"has a {calls[0]}, inside which LiteRT's profiler tells no operators apart", _REMEDY)
    with LiteRtModel(path, threads=threads, sides=layers.sides, dims=dims) as model:
        for _ in range(warmup):
            model.run()
        events = [[event for event in model.profiled_run() if _is_timed(event)] for _ in range(runs)]
    first = events[0]
    if any([event[:3] for event in run] != [event[:3] for event in first] for run in events):
        raise ExportError(path, "runs other operators each time, whose times cannot be set side by side", _REMEDY)
    places = _places(path, layers, first, delegated_parts(path, layers, threads, dims))
    times = np.array([[_microseconds(event) for event in run] for run in events]).reshape(runs, -1) / 1e3
    if not first:
        raise ExportError(path, "runs no operator whose time LiteRT tells", _REMEDY)
    return _node_times(layers, first, places, times)


def _is_timed(event: Event) -> bool:
    return event.kind == DELEGATED or (event.kind == OPERATOR and event.subgraph == 0)


def _microseconds(event: Event) -> float:
    return event.microseconds + (_CUT_MICROSECONDS if event.kind == DELEGATED else 0.0)


def _places(
    path: Path, layers: TfliteLayers, events: Sequence[Event], parts: Sequence[Sequence[int]]
) -> list[int | None]:
    """Return the node of the file that each event works for; None for what the runtime added.

    Raises:
        ExportError: The events do not fit the parts.
    """
    runs: list[list[int]] = []
    for place, event in enumerate(events):
        if event.kind == DELEGATED:
            if event.node == 0 or not runs:
                runs.append([])
            runs[-1].append(place)
    if len(runs) != len(parts):
        fault = f"has {len(parts)} parts for XNNPACK, whose profiler tells of {len(runs)}"
        raise ExportError(path, fault, _REMEDY)
    found = [event.node if event.kind == OPERATOR and event.node < len(layers.operators) else None for event in events]
    for run, part in zip(runs, parts, strict=True):
        at_work = [place for place in part if not layers.operators[place].is_constant]  # XNNPACK converts weights once
        nodes = [layers.operators[place] for place in at_work]
        fitting = aligned(
            [node.op for node in nodes],
            [len(node.inputs) + len(node.outputs) for node in nodes],
            [events[place].tag for place in run],
        )
        for place, fits in zip(run, fitting, strict=True):
            found[place] = None if fits is None else at_work[fits]
    return found


def _node_times(
    layers: TfliteLayers, events: Sequence[Event], places: Sequence[int | None], times: NDArray[np.float64]
) -> tuple[NodeTime, ...]:
    """Return a time for each node and for each added operator, from the times [runs, events], in execution order."""
    rows: dict[int | str, list[int]] = defaultdict(list)
    for place, event in enumerate(events):
        node = places[place]
        rows[event.tag if node is None else node].append(place)
    timed = frozenset(key for key in rows if isinstance(key, int))
    fused: dict[int, list[str]] = defaultdict(list)
    for node, holder in holders(layers, timed).items() if timed else ():
        fused[holder].append(layers.operators[node].name)
    return tuple(
        NodeTime(
            index=key if isinstance(key, int) else None,
            name=layers.operators[key].name if isinstance(key, int) else key,
            op=layers.operators[key].onnx_op if isinstance(key, int) else key,
            milliseconds=times[:, parts].sum(axis=1),
            kernels=tuple(events[part].tag for part in parts if events[part].kind == DELEGATED),
            fused=tuple(fused.get(key, ())) if isinstance(key, int) else (),
        )
        for key, parts in rows.items()
    )
