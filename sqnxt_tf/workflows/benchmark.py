"""Time artifacts, and set their layers beside what an accelerator would do with them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqnxt_tf.device.fault_handlers import FaultHandler, raise_fault
from sqnxt_tf.device.layer_shares import LayerShares, layer_shares
from sqnxt_tf.device.timing_rounds import SECONDS, TOLERANCE, time_artifacts
from sqnxt_tf.device.timings import Benchmark
from sqnxt_tf.progress import Progress, silent

if TYPE_CHECKING:
    from sqnxt_sim import Accelerator, NetworkReport


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchmarkResult:
    """The timings, and the layers of those that have any."""

    benchmark: Benchmark
    layers: tuple[LayerShares, ...] = ()

    def to_json(self) -> list[dict[str, Any]]:
        """The `benchmark` document; an entry has `layers` where they were profiled."""
        profiled = {id(shares.timing): shares for shares in self.layers}
        return [
            {**row, **(shares.to_json() if (shares := profiled.get(id(timing))) else {})}
            for row, timing in zip(self.benchmark.to_json(), self.benchmark.timings, strict=True)
        ]

    def layer_rows(self) -> list[dict[str, Any]]:
        """Every layer of every timing as a row of its own, for CSV."""
        return [
            {"path": str(shares.timing.path), "threads": shares.timing.threads, **layer}
            for shares in self.layers
            for layer in shares.to_json()["layers"]
        ]


def benchmark(
    paths: Sequence[str | Path],
    *,
    threads: Sequence[int] = (1,),
    seconds: float = SECONDS,
    tolerance: float = TOLERANCE,
    per_layer: bool = False,
    accelerator: str | Path | None = None,
    on_fault: FaultHandler = raise_fault,
    progress: Progress = silent,
) -> BenchmarkResult:
    """Latency, memory and loading time of artifacts on this machine; see `sqnxt_tf.device.timing_rounds`.

    Args:
        paths: .onnx and .tflite files; the first is what the others are compared with.
        threads: Every file is timed with each of these numbers.
        seconds: Most that the timing may take.
        tolerance: How well each median is to be known, as a fraction of it.
        per_layer: Profile the .onnx files; LiteRT's Python interface has no profiler.
        accelerator: A preset's name or a .toml file, to set each layer's simulated share beside the measured one.
        on_fault: Called with the error of a file that cannot be timed or simulated; the others go on if it returns.
        progress: Told how far it is.

    Raises:
        SqnxtError: A file that cannot be timed, unless `on_fault` keeps it.
        ExportError: Likewise.
        SimulatorError: The accelerator is not known, or a graph cannot be simulated.
    """
    array = None
    if accelerator is not None:
        from sqnxt_sim import load_accelerator

        array = load_accelerator(accelerator)  # a wrong name is told before a minute has passed
    timed = time_artifacts(
        paths,
        threads=threads,
        seconds=seconds,
        tolerance=tolerance,
        per_layer=per_layer or array is not None,
        on_fault=on_fault,
        progress=progress,
    )
    layers, reports = [], dict[Path, "NetworkReport | None"]()
    for timing in timed.timings:
        if timing.layers:
            if timing.path not in reports:
                reports[timing.path] = _simulated(timing.path, timing.batch, array, on_fault)
            layers.append(layer_shares(timing, reports[timing.path]))
    return BenchmarkResult(benchmark=timed, layers=tuple(layers))


def _simulated(path: Path, batch: int, array: Accelerator | None, on_fault: FaultHandler) -> NetworkReport | None:
    if array is None:
        return None
    from sqnxt_sim import SimulatorError, read_onnx, simulate

    try:
        return simulate(read_onnx(path, batch=batch), array)
    except SimulatorError as error:
        on_fault(error)
        return None
