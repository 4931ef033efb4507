"""What an output is: the scores of a classifier, a map, or plain numbers. Only the answers of the first two are judged.

A regressor must never be taken for a classifier: the best of its numbers means nothing.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from sqnxt_export.errors import ExportError

TASKS = ("auto", "classifier", "regressor", "map")

_SMALLEST_PROBABILITY = 1e-30
"""Floor of probabilities: far above where float32 loses digits, and far below what changes an answer."""


def check_task(task: str) -> None:
    """Refuse a task that does not exist.

    Raises:
        ExportError: It is unknown.
    """
    if task not in TASKS:
        raise ExportError(f"task {task!r}", "unknown", f"use one of {', '.join(TASKS)}")


def task_of(reference: NDArray[Any], task: str = "auto", *, classes: int = 0, alone: bool = True) -> str:
    """Return what an output is: "classifier", "map" or "regressor".

    An output [n, classes] of two classes or more is a classifier's if the file has as many labels, if its rows are
    probabilities, or if the model has no other output. An output with three axes is a map if its last axis holds
    probabilities; one with more axes always is. All else are plain numbers.

    Args:
        reference: The model's output, [n, ...], channels last.
        task: What the caller says; "auto" looks at the values.
        classes: Number of labels in the metadata, 0 if there are none.
        alone: Whether the model has no other output.
    """
    check_task(task)
    if task == "regressor" or reference.ndim < 2:
        return "regressor"
    if reference.ndim == 2:
        known = task == "classifier" or classes == reference.shape[1] or alone or are_probabilities(reference)
        return "classifier" if known and reference.shape[1] > 1 and task != "map" else "regressor"
    return "map" if task == "map" or reference.ndim > 3 or are_probabilities(reference) else "regressor"


def has_answers(reference: NDArray[Any], found: str, task: str = "auto", *, classes: int = 0) -> bool:
    """Tell whether the largest value of each row (of a map, of each pixel) is an answer that can be judged.

    It is for a classifier. It is for a map of class scores: probabilities, or as many channels as there are labels.
    """
    if found == "classifier":
        return True
    if found != "map" or reference.shape[-1] < 2:
        return False
    return task == "map" or classes == reference.shape[-1] or are_probabilities(reference)


def are_probabilities(values: NDArray[Any]) -> bool:
    """Tell whether every row has two values or more, none of them negative, that add up to one."""
    if values.ndim < 2 or values.shape[-1] < 2:
        return False
    return bool((values >= 0).all() and (np.abs(values.sum(axis=-1, dtype=np.float64) - 1) < 1e-4).all())


def centred_logarithms(probabilities: NDArray[Any]) -> NDArray[np.float32]:
    """Return the logits with mean zero along the last axis that a softmax maps to `probabilities`.

    Worked example: [0.8, 0.2] -> logarithms [-0.22, -1.61] -> [0.69, -0.69].
    """
    logits = np.log(np.maximum(probabilities.astype(np.float64), _SMALLEST_PROBABILITY))
    return np.asarray(logits - logits.mean(axis=-1, keepdims=True), np.float32)
