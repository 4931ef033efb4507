"""From a model to a file in one format and precision, with the figures that building it yields."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from sqnxt_export._libraries import onnx_session
from sqnxt_export.artifact.onnx_file import save_onnx, without_inferred_shapes
from sqnxt_export.artifact.preprocessing import Preprocessing
from sqnxt_export.budget import Accuracy, Budget
from sqnxt_export.options import ArtifactOptions
from sqnxt_export.parity import Judging, compare_all
from sqnxt_export.quantise.learnt_ranges import LearntRanges
from sqnxt_export.quantise.noise import LayerNoise
from sqnxt_export.runtimes.borders import onnx_borders
from sqnxt_export.runtimes.signatures import run_model
from sqnxt_export.runtimes.tensors import Samples, as_arrays
from sqnxt_export.samples import ExportSamples

_BATCH = 32
_KEEPS_STATE = (
    "TFLite's LSTM operator keeps its state from one call to the next: call the interpreter's `reset_all_variables` "
    "before each new sequence"
)
_NOISE_SAMPLES = 64
"""Samples on which the noise of layers is measured; a quarter of them for TFLite, whose reference kernels are slow."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Task:
    """One artifact to build.

    Attributes:
        model: A tf_keras model, or one that `load_model` returned.
        options: Settings of the artifact.
        samples: Images, preprocessed and checked against the model.
        reference: Name and values [n, ...] of each of the model's outputs on `samples.parity`.
        rounded_model: What gave these values, where that is the model with the rounding that it has learnt.
        judging: What the outputs are, and whether their top-1 answers are compared.
        embedded: The preprocessing that goes into the file, if any.
        learnt: The ranges of activations that the model has learnt, if any.
    """

    model: Any
    options: ArtifactOptions
    samples: ExportSamples
    reference: tuple[tuple[str, NDArray[Any]], ...]
    judging: Judging = field(default_factory=Judging)
    embedded: Preprocessing | None = None
    learnt: LearntRanges | None = None
    rounded_model: Any = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """Figures that building an artifact yields; None where they were not asked for. See `ExportResult`."""

    layers: tuple[LayerNoise, ...] | None = None
    wider: tuple[str, ...] | None = None
    accuracy: Accuracy | None = None
    notes: tuple[str, ...] = ()


def build(task: Task, target: Path) -> Built:
    """Write the artifact to `target` without comparing it with the model.

    Raises:
        ExportError: See `export_model`.
    """
    from sqnxt_export.convert.embed_preprocessing import embed_preprocessing

    built = _build_onnx(task, target) if task.options.format == "onnx" else _build_tflite(task, target)
    if task.embedded is not None:
        embed_preprocessing(target, task.embedded)
    return built


def model_logits(model: Any, images: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the model's first output as rows, float32 [n, classes], computed in batches that fit in memory."""
    return run_model(model, [images])[0].reshape(len(images), -1)


def _build_onnx(task: Task, target: Path) -> Built:
    from sqnxt_export.artifact.opset import with_opset
    from sqnxt_export.convert.to_onnx import checked, convert_to_onnx
    from sqnxt_export.quantise.noise import layer_noise
    from sqnxt_export.quantise.onnx_quantiser import quantise_onnx

    options, samples = task.options, task.samples
    converted = convert_to_onnx(task.model, batch=options.batch, converter=options.converter)
    plain = converted.model
    if samples.budget is None:
        graph = quantise_onnx(plain, options.precision, samples.calibration, options.calibration_method, task.learnt)
        graph, found = _with_borders(graph, plain, task), Built()
    else:
        graph, found = _within_budget(task, samples.budget, plain)
    save_onnx(without_inferred_shapes(checked(with_opset(graph, options.opset))), target)
    layers = layer_noise(plain, graph, samples.first(_NOISE_SAMPLES)) if options.layer_noise else None
    return Built(layers=layers, wider=found.wider, accuracy=found.accuracy, notes=converted.notes)


def _within_budget(task: Task, budget: Budget, plain: onnx.ModelProto) -> tuple[onnx.ModelProto, Built]:
    """Return the int8 graph that keeps both the budget and parity with the fewest layers at 16 bits."""
    from sqnxt_export.quantise.mixed import keep_worst_wider
    from sqnxt_export.quantise.onnx_quantiser import checked_calibration

    samples, options = task.samples, task.options
    model_top1 = _top1(model_logits(task.model, budget.images), budget.labels)

    def judge(graph: onnx.ModelProto) -> Accuracy:
        top1 = _top1(_graph_logits(_with_borders(graph, plain, task), budget.images), budget.labels)
        return Accuracy(model_top1=model_top1, artifact_top1=top1, max_drop=budget.max_drop, samples=len(budget.labels))

    def accept(graph: onnx.ModelProto) -> bool:
        if not judge(graph).within_budget:
            return False
        logits = _graph_logits(_with_borders(graph, plain, task), samples.parity)
        name, reference = task.reference[0]  # a budget is a classifier's
        return compare_all([(name, reference)], [logits], options.precision, task.judging).passed

    calibration = checked_calibration(options.precision, samples.calibration)
    mixed = keep_worst_wider(plain, calibration, accept, options.calibration_method, task.learnt)
    return _with_borders(mixed.model, plain, task), Built(wider=mixed.wider, accuracy=judge(mixed.model))


def _with_borders(graph: onnx.ModelProto, plain: onnx.ModelProto, task: Task) -> onnx.ModelProto:
    """Return the graph with the number types of input and output that the options ask for.

    Their ranges are those of the float graph `plain` on the calibration samples.
    """
    from sqnxt_export.quantise.integer_io import with_integer_io

    samples = task.samples.calibration
    if task.options.io == "float32" or samples is None:
        return graph
    ranges: dict[str, tuple[float, float]] = {}
    named = [value.name for value in plain.graph.input]
    for names, arrays in ((named, as_arrays(samples)), _graph_outputs(plain, samples)):
        ranges |= {name: (float(x.min()), float(x.max())) for name, x in zip(names, arrays, strict=True)}
    return with_integer_io(graph, task.options.io, ranges)


def _graph_logits(graph: onnx.ModelProto, samples: Samples) -> NDArray[np.float32]:
    """Return the first output of a graph as rows, computed in onnxruntime with its integer kernels."""
    first = _graph_outputs(graph, samples)[1][0]
    return first.reshape(len(first), -1)


def _graph_outputs(graph: onnx.ModelProto, samples: Samples) -> tuple[list[str], list[NDArray[Any]]]:
    """Run samples through a graph in onnxruntime, and return names and real values of its outputs."""
    from sqnxt_export.quantise.feeding import fed_batches

    session = onnx_session(graph.SerializeToString())
    names = [value.name for value in graph.graph.output]
    borders = onnx_borders(graph)
    parts = []
    for feeds, count in fed_batches(graph, samples, _BATCH):
        given = {name: borders[name].stored(x) if name in borders else x for name, x in feeds.items()}
        found = zip(names, session.run(None, given), strict=True)
        parts.append([borders[name].real(x[:count]) if name in borders else x[:count] for name, x in found])
    return names, [np.concatenate(output) for output in zip(*parts, strict=True)]


def _top1(logits: NDArray[np.float32], labels: NDArray[np.int64]) -> float:
    return float(np.mean(logits.argmax(axis=1) == labels))


def _build_tflite(task: Task, target: Path) -> Built:
    from sqnxt_export.convert.tflite_edit import keeps_state
    from sqnxt_export.convert.to_tflite import to_tflite
    from sqnxt_export.quantise.noise_tflite import layer_noise_tflite

    options, samples = task.options, task.samples
    data = to_tflite(
        task.model, options.precision, samples.calibration, batch=options.batch, io=options.io, learnt=task.learnt
    )
    target.write_bytes(data)
    notes = (_KEEPS_STATE,) if keeps_state(data) else ()
    if not options.layer_noise:
        return Built(notes=notes)
    plain = data if options.precision == "float32" else to_tflite(task.model, "float32", batch=options.batch)
    return Built(layers=layer_noise_tflite(task.model, plain, data, samples.first(_NOISE_SAMPLES // 4)), notes=notes)
