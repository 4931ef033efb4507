"""The proof of an artifact: its answers beside its model's, on as many samples as it takes to be sure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sqnxt_base.proportion import wilson_interval
from sqnxt_export.artifact_builder import Task
from sqnxt_export.measured_top1 import MeasuredTop1
from sqnxt_export.parity import compare_all
from sqnxt_export.parity_result import Parity
from sqnxt_export.runtimes import open_model
from sqnxt_export.runtimes.signatures import run_model
from sqnxt_export.runtimes.tensors import as_arrays
from sqnxt_export.samples import ExportSamples


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """The comparison of an artifact with its model, and the artifact's accuracy where the samples have labels."""

    parity: Parity
    top1: MeasuredTop1 | None


def prove(task: Task, path: Path, samples: ExportSamples) -> Proof:
    """Compare the artifact at `path` with its model, on further samples too while top-1 leaves it unsure.

    Args:
        task: What was built.
        path: The artifact, with its metadata.
        samples: The samples in the form that the artifact takes: pixels where it embeds its preprocessing.
    """
    runner = open_model(path)
    names = [name for name, _ in task.reference]
    reference = [values for _, values in task.reference]
    outputs, labels = list(runner.run_all(samples.parity)), [samples.labels]
    parity = _compared(task, names, reference, outputs)
    batches, judge = iter(samples.further), task.model if task.rounded_model is None else task.rounded_model
    while parity.unsure and (further := next(batches, None)) is not None:
        seen = further if task.embedded is None else further.normalised(task.embedded)
        reference = _joined(reference, run_model(judge, as_arrays(seen.parity)))
        outputs = _joined(outputs, runner.run_all(further.parity))
        labels.append(further.labels)
        parity = _compared(task, names, reference, outputs)
    return Proof(parity=parity, top1=_accuracy(parity, reference, outputs, labels, samples.data))


def _compared(
    task: Task, names: Sequence[str], reference: Sequence[NDArray[Any]], outputs: Sequence[NDArray[Any]]
) -> Parity:
    return compare_all(list(zip(names, reference, strict=True)), outputs, task.options.precision, task.judging)


def _joined(first: Sequence[NDArray[Any]], second: Sequence[NDArray[Any]]) -> list[NDArray[Any]]:
    return [np.concatenate(pair) for pair in zip(first, second, strict=True)]


def _accuracy(
    parity: Parity,
    reference: Sequence[NDArray[Any]],
    outputs: Sequence[NDArray[Any]],
    labels: Sequence[NDArray[np.int64] | None],
    data: str,
) -> MeasuredTop1 | None:
    """Return the accuracy of a classifier's only output; None for other models and for samples without labels."""
    classifies = len(parity.outputs) == 1 and parity.outputs[0].task == "classifier"
    known = [part for part in labels if part is not None]
    if not classifies or len(known) != len(labels):
        return None
    answers, truth = outputs[0].reshape(parity.samples, -1), np.concatenate(known)
    if truth.max() >= answers.shape[1]:
        return None
    right = int((answers.argmax(axis=1) == truth).sum())
    return MeasuredTop1(
        top1=right / len(truth),
        interval=wilson_interval(right, len(truth)),
        model_top1=float(np.mean(reference[0].reshape(len(truth), -1).argmax(axis=1) == truth)),
        samples=len(truth),
        data=data,
    )
