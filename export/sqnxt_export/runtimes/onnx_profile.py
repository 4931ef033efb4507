"""The time of each node of an .onnx file, measured by onnxruntime's own profiler."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sqnxt_base.opening import temporary_folder
from sqnxt_export._libraries import onnx_session
from sqnxt_export.artifact.onnx_file import read_onnx
from sqnxt_export.errors import ExportError, one_line
from sqnxt_export.runtimes.feeds import Feed, feed_values, fixed_shape, onnx_type
from sqnxt_export.runtimes.node_time import NodeTime
from sqnxt_export.runtimes.onnx_origins import Origins

_MOST_EVENTS = 500_000
"""Limit on events: the profiler drops events beyond a million."""
_SUFFIX = "_kernel_time"


def profile_onnx(
    path: Path,
    *,
    threads: int,
    options: Mapping[str, str],
    runs: int,
    warmup: int = 5,
    dims: Mapping[str, int] = MappingProxyType({}),
) -> tuple[NodeTime, ...]:
    """Run a file on noise and time its nodes. The time of fused nodes counts for the node that names their operator.

    Args:
        path: A file that `check_artifact` has checked.
        threads: Number of threads within an operator.
        options: Session options, as in `Runner.options`.
        runs: Number of runs to time; fewer if the file has more nodes than the profiler can record.
        warmup: Number of runs before those.
        dims: Sizes of free sides, see `open_timed`; others are one.

    Raises:
        ExportError: Onnxruntime cannot run the file, or is not installed.
    """
    model = read_onnx(path)
    origins = Origins(model.graph)
    runs = max(1, min(runs, _MOST_EVENTS // (4 * len(origins.names)) - warmup))
    with temporary_folder() as folder:
        try:
            session = onnx_session(
                origins.marked(model), threads=threads, options=options, profile=str(Path(folder, "profile"))
            )
            inputs = [Feed(item.name, onnx_type(item.type), item.shape) for item in session.get_inputs()]
            feed = {item.name: feed_values(path, item, fixed_shape(item, dims)) for item in inputs}
            for _ in range(warmup + runs):
                session.run(None, feed)
            events = json.loads(Path(session.end_profiling()).read_text())
        except ExportError:
            raise
        except Exception as error:  # onnxruntime's classes share no base class of their own
            raise ExportError(
                path, f"onnxruntime cannot profile it ({one_line(error)})", "measure it without its layers"
            ) from error
    return tuple(_node_times(events, origins, runs))


def _node_times(events: list[dict[str, Any]], origins: Origins, runs: int) -> list[NodeTime]:
    """Return the times in the order of execution; those of a node that a loop repeats are added."""
    kernels = [event for event in events if event.get("cat") == "Node" and event["name"].endswith(_SUFFIX)]
    starts = [event["ts"] for event in events if event.get("name") == "model_run"][-runs:]
    times: dict[str, NDArray[np.float64]] = defaultdict(lambda: np.zeros(runs))
    operators: dict[str, str] = {}
    for event in kernels:
        run = int(np.searchsorted(starts, event["ts"], side="right")) - 1
        if run >= 0:
            key = event["name"].removesuffix(_SUFFIX)
            times[key][run] += event["dur"] / 1e3
            operators[key] = event["args"].get("op_name", "")
    indices = origins.of(operators)
    return [
        NodeTime(
            index=indices[key],
            name=operators[key] if (index := indices[key]) is None else origins.names[index],
            op=operators[key],
            milliseconds=milliseconds,
        )
        for key, milliseconds in times.items()
    ]
