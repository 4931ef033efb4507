"""Time artifacts, and compare their layers with a simulated accelerator's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqnxt_tf.device.fault_handlers import FaultHandler, raise_fault
from sqnxt_tf.device.layer_shares import LayerShares, layer_shares
from sqnxt_tf.device.timing_rounds import time_artifacts
from sqnxt_tf.device.timings import Benchmark
from sqnxt_tf.device.two_runtimes import RuntimePair, by_name, runtime_pairs
from sqnxt_tf.errors import SqnxtError
from sqnxt_tf.options.artifacts import BenchmarkOptions
from sqnxt_tf.options.given import options_from
from sqnxt_tf.progress import Progress, silent

if TYPE_CHECKING:
    from sqnxt_sim import Accelerator, NetworkReport
    from sqnxt_tf.device.npu_layers import NpuLayers


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchmarkResult:
    """The timings, the layers of those that were profiled, the simulation of each file, and its estimate on an NPU."""

    benchmark: Benchmark
    layers: tuple[LayerShares, ...] = ()
    simulations: Mapping[Path, NetworkReport] = field(default_factory=dict)
    npus: Mapping[Path, NpuLayers] = field(default_factory=dict)

    def to_json(self) -> list[dict[str, Any]]:
        """Return the `benchmark` document; an entry has `layers` where they were profiled."""
        profiled = {id(shares.timing): self._layers_json(shares) for shares in self.layers}
        return [
            {
                **row,
                **self._simulated(timing.path),
                **({"npu": self.npus[timing.path].to_json()} if timing.path in self.npus else {}),
                **profiled.get(id(timing), {}),
            }
            for row, timing in zip(self.benchmark.to_json(), self.benchmark.timings, strict=True)
        ]

    @property
    def pairs(self) -> tuple[RuntimePair, ...]:
        """The files of one model for both runtimes, where their layers were timed."""
        return runtime_pairs(self.layers)

    def _layers_json(self, shares: LayerShares) -> dict[str, Any]:
        """Return the layers of a file; beside those in the other runtime if the same model was given for it."""
        document = shares.to_json()
        sides = [(pair.onnx, pair.tflite) for pair in self.pairs]
        other = next((b for one, two in sides for a, b in ((one, two), (two, one)) if a is shares), None)
        if other is None:
            return document
        known = by_name(other)
        for row in document["layers"]:
            row["beside_ms"] = known[row["name"]].milliseconds if row["name"] in known else None
        return {**document, "beside": str(other.timing.path)}

    def _simulated(self, path: Path) -> dict[str, Any]:
        report = self.simulations.get(path)
        if report is None:
            return {}
        return {
            "accelerator": report.accelerator.name,
            "simulated_cycles": report.cycles,
            "simulated_ms": report.time_ms,
        }

    def layer_rows(self) -> list[dict[str, Any]]:
        """Return a row for every layer of every timing, for CSV."""
        return [
            {"path": str(shares.timing.path), "threads": shares.timing.threads, **layer}
            for shares in self.layers
            for layer in self._layers_json(shares)["layers"]
        ]


def benchmark(
    paths: Sequence[str | Path],
    options: BenchmarkOptions | None = None,
    *,
    on_fault: FaultHandler = raise_fault,
    progress: Progress = silent,
    **settings: Any,
) -> BenchmarkResult:
    """Measure latency, memory and loading time of artifacts on this machine; see `time_artifacts`.

    Args:
        paths: .onnx and .tflite files; the others are compared with the first.
        options: How long and how exactly they are timed.
        on_fault: Called with the error of a file that cannot be timed or simulated; the others go on if it returns.
        progress: Called as the work goes on.
        settings: Fields of `BenchmarkOptions`, in place of or on top of `options`.

    Raises:
        SqnxtError, ExportError: A file cannot be timed, unless `on_fault` returns.
        SimulatorError: The accelerator is not known, or a graph cannot be simulated.
    """
    options = options_from(BenchmarkOptions, options, settings)
    array = None
    if options.accelerator is not None:
        from sqnxt_sim import load_accelerator

        array = load_accelerator(options.accelerator)  # a wrong name is reported before a minute has passed
    timed = time_artifacts(
        paths,
        threads=options.threads,
        seconds=options.seconds,
        tolerance=options.tolerance,
        per_layer=options.per_layer or array is not None,
        dims=options.dims,
        on_fault=on_fault,
        progress=progress,
    )
    layers, reports = [], dict[Path, "NetworkReport | None"]()
    for timing in timed.timings:
        if timing.path not in reports:
            reports[timing.path] = _simulated(timing.path, timing.batch, array, on_fault)
        if timing.layers:
            layers.append(layer_shares(timing, reports[timing.path]))
    simulations = {path: report for path, report in reports.items() if report is not None}
    npus = {} if options.npu is None else _on_npu(timed, options.npu, on_fault)
    return BenchmarkResult(benchmark=timed, layers=tuple(layers), simulations=simulations, npus=npus)


def _on_npu(timed: Benchmark, npu: str, on_fault: FaultHandler) -> dict[Path, NpuLayers]:
    """Estimate each file on an NPU with Vela, and simulate it where a preset describes that NPU."""
    from sqnxt_sim import SimulatorError, list_accelerators, load_accelerator
    from sqnxt_tf.device.npu_layers import npu_layers
    from sqnxt_tf.device.vela import estimate_with_vela

    array = load_accelerator(npu) if npu in list_accelerators() else None
    found = {}
    for timing in {timing.path: timing for timing in timed.timings}.values():
        report = _simulated(timing.path, timing.batch, array, on_fault)
        try:
            found[timing.path] = npu_layers(timing.path, estimate_with_vela(timing.path, npu), report)
        except (SqnxtError, SimulatorError) as error:
            on_fault(error)
    return found


def _simulated(path: Path, batch: int, array: Accelerator | None, on_fault: FaultHandler) -> NetworkReport | None:
    if array is None:
        return None
    from sqnxt_sim import SimulatorError, read_model, simulate_workload

    try:
        return simulate_workload(read_model(path, batch=batch), array)
    except SimulatorError as error:
        on_fault(error)
        return None
