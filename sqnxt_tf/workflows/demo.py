"""The whole path on handwritten digits: train, prune, export, prove, evaluate, time, simulate, report."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqnxt_export import ExportResult, whole_file
from sqnxt_tf.accuracy import Evaluation
from sqnxt_tf.data.digits import digits
from sqnxt_tf.device.evaluation import evaluate
from sqnxt_tf.device.timing_rounds import time_artifacts
from sqnxt_tf.device.timings import Timing
from sqnxt_tf.htmlreport.writing import require_jinja
from sqnxt_tf.options.artifacts import ExportOptions
from sqnxt_tf.output_folder import check_output_folder
from sqnxt_tf.progress import Progress, silent
from sqnxt_tf.sources import open_source
from sqnxt_tf.training.recipe_files import DIGITS, FINETUNE, Recipe
from sqnxt_tf.workflows.export import export_source
from sqnxt_tf.workflows.prune import prune
from sqnxt_tf.workflows.report import write_report
from sqnxt_tf.workflows.train import train

if TYPE_CHECKING:
    from sqnxt_sim import NetworkReport

_NETWORK = "sqnxt23v5_w1"
_SPARSITY = 0.4
_ARTIFACTS = (  # model, format, precision; the dense one shows what pruning buys on each array
    ("model", "onnx", "float32"),
    ("pruned", "onnx", "float32"),
    ("pruned", "onnx", "float16"),
    ("pruned", "onnx", "int16"),
    ("pruned", "tflite", "float32"),
    ("pruned", "tflite", "float16"),
    ("pruned", "tflite", "int16x8"),
)
_REPORTED = ("model-float32.onnx", "pruned-float32.onnx", "pruned-int16.onnx")
_ACCELERATORS = ("squeezelerator-16x16", "squeezelerator-8x8")
_TIMING_SECONDS = 20.0
_LEAST_TOP1 = 0.97  # of the float model
_LARGEST_LOSS = 0.01  # of every artifact against the float model, as a fraction of images


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoArtifact:
    """One file of the demo: its export, accuracy and latency, and (ONNX) its cost on each accelerator."""

    path: Path
    export: ExportResult | None
    evaluation: Evaluation
    latency: Timing | None
    simulations: dict[str, NetworkReport] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return an entry of the `demo` document."""
        return {
            "path": str(self.path),
            "bytes": self.path.stat().st_size,
            "export": self.export and self.export.to_json(),
            "evaluate": self.evaluation.to_json(),
            "benchmark": self.latency and self.latency.to_json(),
            "simulate": {name: report.to_json()["total"] for name, report in self.simulations.items()},
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoResult:
    """All files of the demo: the float model first, then the pruned one, then the artifacts."""

    folder: Path
    artifacts: tuple[DemoArtifact, ...]
    report: Path
    sparsity: float
    seconds: float

    @property
    def faults(self) -> list[str]:
        """Promises that were not kept; empty when all is well."""
        best = self.artifacts[0].evaluation.top1
        faults = [] if best >= _LEAST_TOP1 else [f"the float model reaches {best:.1%} and not {_LEAST_TOP1:.0%}"]
        return faults + [
            f"{artifact.path.name} loses {best - artifact.evaluation.top1:.1%} of the images"
            for artifact in self.artifacts[1:]
            if best - artifact.evaluation.top1 > _LARGEST_LOSS
        ]

    def to_json(self) -> dict[str, Any]:
        """Return the `demo` document."""
        return {
            "folder": str(self.folder),
            "network": _NETWORK,
            "sparsity": self.sparsity,
            "seconds": self.seconds,
            "faults": self.faults,
            "report": str(self.report),
            "artifacts": [artifact.to_json() for artifact in self.artifacts],
        }


def demo(
    folder: str | Path = "sqnxt-demo",
    *,
    seed: int = 0,
    recipe: Recipe = DIGITS,
    finetune: Recipe = FINETUNE,
    force: bool = False,
    progress: Progress = silent,
) -> DemoResult:
    """Train 1.0-SqNxt-23v5 on the digits, prune it to 40 %, export both, prove, evaluate, time and simulate.

    Everything is written to `folder`: models, artifacts, the simulator's reports, `report.html` and `summary.json`.

    Raises:
        SqnxtError: The folder holds something already and `force` is not set; no Jinja2.
        ParityError: An artifact does not equal its model.
    """
    folder, began = Path(folder), time.monotonic()
    check_output_folder(folder, force=force)
    require_jinja()
    folder.mkdir(parents=True, exist_ok=True)
    model, pruned = folder / "model.keras", folder / "pruned.keras"
    train(_NETWORK, model, recipe=recipe, seed=seed, force=force, progress=progress)
    pruning = prune(model, pruned, sparsity=_SPARSITY, recipe=finetune, seed=seed, force=force, progress=progress)
    exports = export_all(folder, force=force, progress=progress)
    latencies = dict(
        zip(exports, time_artifacts(list(exports), seconds=_TIMING_SECONDS, progress=progress).timings, strict=True)
    )
    artifacts = tuple(
        DemoArtifact(
            path=path,
            export=exports.get(path),
            evaluation=evaluate(path, digits("test"), progress=progress),
            latency=latencies.get(path),
            simulations=simulate_on_all(path, force=force) if path.suffix == ".onnx" else {},
        )
        for path in (model, pruned, *exports)
    )
    graphs = [folder / name for name in _REPORTED]
    report = write_report(graphs, folder / "report.html", title="1.0-SqNxt-23v5 on the digits", force=force).path
    seconds = time.monotonic() - began
    result = DemoResult(folder=folder, artifacts=artifacts, report=report, sparsity=pruning.sparsity, seconds=seconds)
    write_json(folder / "summary.json", result.to_json(), force=force)
    return result


def export_all(folder: Path, *, force: bool, progress: Progress) -> dict[Path, ExportResult]:
    """Export each of `_ARTIFACTS`, in their order; open each model once."""
    exports = {}
    for name, group in groupby(_ARTIFACTS, key=lambda artifact: artifact[0]):
        source = open_source(str(folder / f"{name}.keras"))
        for _, format_, precision in group:
            path = folder / f"{name}-{precision}.{format_}"
            exports[path] = export_source(
                source, path, ExportOptions(format=format_, precision=precision), force=force, progress=progress
            )
    return exports


def simulate_on_all(path: Path, *, force: bool) -> dict[str, NetworkReport]:
    """Simulate an ONNX graph on both presets of the paper; write each report beside the graph."""
    from sqnxt_sim import load_accelerator, read_onnx, simulate_workload

    workload = read_onnx(path)
    reports = {name: simulate_workload(workload, load_accelerator(name)) for name in _ACCELERATORS}
    for name, report in reports.items():
        write_json(path.with_name(f"{path.stem}-{name}.json"), report.to_json(), force=force)
    return reports


def write_json(path: Path, document: Any, *, force: bool) -> None:
    """Write a JSON file, whole or not at all."""
    with whole_file(path, force=force) as part:
        part.write_text(json.dumps(document, indent=2, allow_nan=False) + "\n", "utf-8")
