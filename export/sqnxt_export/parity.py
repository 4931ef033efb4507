"""The comparison of an artifact's logits with its model's, by thresholds for each precision."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sqnxt_export.errors import ExportError
from sqnxt_export.quantise.precision import check_precision_name

MAX_REL_DIFF = {"float32": 1e-4, "float16": 5e-3, "int16": 1e-3, "int8": 0.5, "int16x8": 0.5}
"""Largest allowed difference over the largest reference value.

The 8-bit figures are sanity bounds. Eight-bit weights carry a rounding error of up to 0.4 % of a channel's largest
weight in every layer, and the error accumulates with depth: the logits of an untrained network, which lie close
together, may differ by tens of per cent. A wrong graph (weights permuted, a scale lost, a layer dropped) differs by the
size of the logits themselves, that is by about 1. The cost of 8 bits to a trained model is judged by `MIN_AGREEMENT`
instead.
"""
MIN_AGREEMENT = {"int8": 0.99, "int16x8": 0.99}
"""Top-1 agreement required of trained models, as a fraction of the samples. In the other precisions, every sample whose
best two logits are further apart than the tolerance must keep its answer."""

_SMALLEST_PROBABILITY = 1e-30
"""Floor of probabilities: far above where float32 loses digits, and far below what changes an answer."""
SMALLEST_LOGIT = 0.01
"""Smallest reference value for relative differences of probabilities.

Logits that come from probabilities are known to 1e-7, the last digit of float32. Relative to smaller logits than this,
that digit would count as a difference.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parity:
    """The comparison of two sets of logits.

    Attributes:
        max_abs_diff: Largest absolute difference.
        max_rel_diff: Largest absolute difference over the largest absolute reference value.
        top1_agreement: Fraction of samples with the same best class.
        samples: Number of samples compared.
        passed: Whether the differences are within the precision's thresholds.
        reason: Why it failed; empty if it passed.
    """

    max_abs_diff: float
    max_rel_diff: float
    top1_agreement: float
    samples: int
    passed: bool
    reason: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return the `parity` object of the JSON document; differences that are not finite become null."""
        values = asdict(self)
        del values["reason"]
        return {key: value if np.isfinite(value) else None for key, value in values.items()}


def compare_outputs(
    reference: NDArray[np.float32], logits: NDArray[np.float32], precision: str, *, trained: bool = False
) -> Parity:
    """Compare two sets of logits, float32 [n, classes] each, by the thresholds of `precision`.

    If both are probabilities, as models that end in a softmax return, their logarithms are compared. These are the
    logits up to a constant per sample. The probabilities of random weights are all alike and would prove nothing.

    Args:
        reference: Logits of the model.
        logits: Logits of the artifact.
        precision: Precision of the artifact; between two artifacts, the one with the looser thresholds.
        trained: Whether the top-1 answers are judged too; those of random weights mean nothing.

    Raises:
        ExportError: The shapes differ, there are no samples, or the precision is unknown.
    """
    check_precision_name(precision)
    if reference.shape != logits.shape or reference.ndim != 2 or not reference.size:
        raise ExportError(
            "parity",
            f"logits of shape {list(logits.shape)} against {list(reference.shape)}",
            "compare models of the same classes on the same samples",
        )
    samples = len(reference)
    if not (np.isfinite(reference).all() and np.isfinite(logits).all()):
        culprit = "model" if not np.isfinite(reference).all() else "artifact"
        nan = float("nan")
        reason = f"the {culprit} gives values that are not finite"
        return Parity(
            max_abs_diff=nan, max_rel_diff=nan, top1_agreement=0.0, samples=samples, passed=False, reason=reason
        )
    smallest = 0.0
    if are_probabilities(reference) and are_probabilities(logits):
        reference, logits, smallest = centred_logarithms(reference), centred_logarithms(logits), SMALLEST_LOGIT
    difference = np.abs(reference.astype(np.float64) - logits)
    largest = max(float(np.abs(reference).max()), smallest)
    absolute = float(difference.max())
    relative = absolute / largest if largest else (0.0 if absolute == 0 else float("inf"))
    same = reference.argmax(axis=1) == logits.argmax(axis=1)
    reason = _fault(reference, same, relative, precision, trained=trained)
    return Parity(
        max_abs_diff=absolute,
        max_rel_diff=relative,
        top1_agreement=float(same.mean()),
        samples=samples,
        passed=not reason,
        reason=reason,
    )


def are_probabilities(values: NDArray[np.float32]) -> bool:
    """Tell whether every row has two values or more, none of them negative, that add up to one."""
    return values.shape[1] > 1 and bool((values >= 0).all() and (np.abs(values.sum(axis=1) - 1) < 1e-4).all())


def centred_logarithms(probabilities: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the logits with mean zero that a softmax maps to `probabilities`, float32 [n, classes].

    Worked example: [0.8, 0.2] -> logarithms [-0.22, -1.61] -> [0.69, -0.69].
    """
    logits = np.log(np.maximum(probabilities.astype(np.float64), _SMALLEST_PROBABILITY))
    return np.asarray(logits - logits.mean(axis=1, keepdims=True), np.float32)


def _fault(
    reference: NDArray[np.float32], same: NDArray[np.bool_], relative: float, precision: str, *, trained: bool
) -> str:
    """Return why the comparison fails, or "" if it does not."""
    tolerance = MAX_REL_DIFF[precision]
    eight_bit = precision in MIN_AGREEMENT
    if relative > tolerance and not (trained and eight_bit):
        return f"largest difference is {relative:.2g} of the largest logit, {tolerance:g} allowed"
    if not trained:
        return ""
    if eight_bit:
        agreement, minimum = float(same.mean()), MIN_AGREEMENT[precision]
        return "" if agreement >= minimum else f"top-1 agreement is {agreement:.1%}, {minimum:.0%} asked"
    lost = int((~same & (_margins(reference) > tolerance * np.abs(reference).max())).sum())
    return f"{lost} of {len(same)} samples get another top-1 answer by more than the tolerance" if lost else ""


def _margins(logits: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the distance between the best two logits of each sample; infinite for a single class."""
    if logits.shape[1] < 2:
        return np.full(len(logits), np.inf, np.float32)
    best = np.sort(logits, axis=1)[:, -2:]
    return np.asarray(best[:, 1] - best[:, 0])
