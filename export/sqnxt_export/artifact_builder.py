"""From a model to a file in one format and precision, and what was found out on the way."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray

from sqnxt_export._libraries import onnx_session, quiet_stderr
from sqnxt_export.artifact.files import format_of
from sqnxt_export.artifact.onnx_file import save_onnx
from sqnxt_export.artifact.preprocessing import Preprocessing
from sqnxt_export.errors import ExportError
from sqnxt_export.image_batches import batches, filled
from sqnxt_export.parity import compare_outputs
from sqnxt_export.quantise.noise import LayerNoise

_BATCH = 32
_REPORTED_ON = 64
"""Samples that the noise of layers is measured on; 16 for TFLite, whose reference kernels are slow."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """How much top-1 an int8 ONNX graph may lose against the model before some layers stay wider.

    `images` (float32 NHWC, preprocessed) and their `labels` (int64 [n]) must be unknown to calibration; `max_drop` is a
    fraction of the images.
    """

    images: NDArray[np.float32]
    labels: NDArray[np.int64]
    max_drop: float

    def __post_init__(self) -> None:
        if not 0 <= self.max_drop <= 1:
            raise ExportError(f"max_drop {self.max_drop:g}", "must be a fraction of 0 to 1", "0.005 is half a point")
        if not len(self.images) or len(self.images) != len(self.labels):
            raise ExportError(
                "budget",
                f"{len(self.images)} images and {len(self.labels)} labels",
                "give as many of both, one at least",
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class Accuracy:
    """Top-1 of the model and of its artifact on the budget's `samples` images, fractions; `max_drop` was allowed."""

    model_top1: float
    artifact_top1: float
    max_drop: float
    samples: int

    @property
    def kept(self) -> bool:
        """Whether the drop is within the budget; a hair is forgiven, for fractions are not exact."""
        return self.model_top1 - self.artifact_top1 <= self.max_drop + 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What is to be built: see `exporting.export` for the fields.

    `samples` and `calibration` are preprocessed, `reference` are the model's logits of `samples`, and `embedded` is the
    preprocessing that goes into the file.
    """

    model: Any
    precision: str
    samples: NDArray[np.float32]
    reference: NDArray[np.float32]
    calibration: NDArray[np.float32]
    method: str = "minmax"
    batch: int | None = 1
    trained: bool = False
    report: bool = False
    budget: Budget | None = None
    embedded: Preprocessing | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """What was found out; None where it was not asked for."""

    layers: tuple[LayerNoise, ...] | None = None
    wider: tuple[str, ...] | None = None
    accuracy: Accuracy | None = None


def build(task: Task, target: Path) -> Built:
    """Write the artifact to `target`, not yet compared with the model.

    Raises:
        ExportError: See `exporting.export`.
    """
    from sqnxt_export.convert.embed_preprocessing import embed_preprocessing

    built = _build_onnx(task, target) if format_of(target) == "onnx" else _build_tflite(task, target)
    if task.embedded is not None:
        embed_preprocessing(target, task.embedded)
    return built


def model_logits(model: Any, images: NDArray[np.float32]) -> NDArray[np.float32]:
    """The Keras model's logits, float32 [n, classes], in batches that fit in memory."""
    with quiet_stderr():
        parts = [np.asarray(model(part, training=False)) for part in batches(images, _BATCH)]
    return np.concatenate(parts).reshape(len(images), -1)


def _build_onnx(task: Task, target: Path) -> Built:
    from sqnxt_export.convert.to_onnx import checked, to_onnx
    from sqnxt_export.quantise.noise import layer_noise
    from sqnxt_export.quantise.onnx_quantiser import quantise_onnx

    plain = to_onnx(task.model, batch=task.batch)
    if task.budget is None:
        graph, found = quantise_onnx(plain, task.precision, task.calibration, task.method), Built()
    else:
        graph, found = _within_budget(task, task.budget, plain)
    save_onnx(checked(graph), target)
    layers = layer_noise(plain, graph, task.samples[:_REPORTED_ON]) if task.report else None
    return Built(layers=layers, wider=found.wider, accuracy=found.accuracy)


def _within_budget(task: Task, budget: Budget, plain: onnx.ModelProto) -> tuple[onnx.ModelProto, Built]:
    """The int8 graph with as few wider layers as keep both the budget and parity."""
    from sqnxt_export.quantise.mixed import keep_worst_wider

    model_top1 = _top1(model_logits(task.model, budget.images), budget.labels)

    def judge(graph: onnx.ModelProto) -> Accuracy:
        top1 = _top1(_graph_logits(graph, budget.images), budget.labels)
        return Accuracy(model_top1=model_top1, artifact_top1=top1, max_drop=budget.max_drop, samples=len(budget.labels))

    def accept(graph: onnx.ModelProto) -> bool:
        if not judge(graph).kept:
            return False
        logits = _graph_logits(graph, task.samples)
        return compare_outputs(task.reference, logits, task.precision, trained=task.trained).passed

    mixed = keep_worst_wider(plain, task.calibration, accept, task.method)
    return mixed.model, Built(wider=mixed.wider, accuracy=judge(mixed.model))


def _graph_logits(graph: onnx.ModelProto, images: NDArray[np.float32]) -> NDArray[np.float32]:
    """What onnxruntime, with its integer kernels, makes of NHWC images."""
    session = onnx_session(graph.SerializeToString())
    size = graph.graph.input[0].type.tensor_type.shape.dim[0].dim_value or _BATCH
    parts = []
    for part in batches(images, size):
        given = np.ascontiguousarray(filled(part, size).transpose(0, 3, 1, 2))
        parts.append(session.run(None, {graph.graph.input[0].name: given})[0][: len(part)])
    return np.concatenate(parts).reshape(len(images), -1)


def _top1(logits: NDArray[np.float32], labels: NDArray[np.int64]) -> float:
    return float(np.mean(logits.argmax(axis=1) == labels))


def _build_tflite(task: Task, target: Path) -> Built:
    from sqnxt_export.convert.to_tflite import to_tflite
    from sqnxt_export.quantise.noise_tflite import layer_noise_tflite

    data = to_tflite(task.model, task.precision, task.calibration, batch=task.batch)
    target.write_bytes(data)
    if not task.report:
        return Built()
    plain = data if task.precision == "float32" else to_tflite(task.model, "float32", batch=task.batch)
    return Built(layers=layer_noise_tflite(task.model, plain, data, task.samples[: _REPORTED_ON // 4]))
