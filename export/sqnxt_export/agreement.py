"""Whether a trained model's answers survive in its artifact, judged with the interval of what was counted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sqnxt_base.proportion import wilson_interval
from sqnxt_export.thresholds import MAX_REL_DIFF, MIN_AGREEMENT


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """How many samples keep their top-1 answer.

    Attributes:
        fraction: Fraction of the samples (of a map, of its pixels).
        interval: Its 95 % interval. The pixels of one sample are alike, so that a map counts as one observation.
        unsure: Whether the samples are too few to tell if the fraction reaches the minimum.
        reason: Why too many answers are lost; empty if they are not, or if that is unsure.
    """

    fraction: float
    interval: tuple[float, float]
    unsure: bool = False
    reason: str = ""


def count_agreement(same: NDArray[np.bool_]) -> Agreement:
    """Return the fraction of equal answers and its interval, without a judgement.

    Args:
        same: Whether each answer is the same, bool [n, ...].
    """
    fraction = float(same.mean())
    return Agreement(fraction=fraction, interval=wilson_interval(fraction * len(same), len(same)))


def judge_agreement(
    reference: NDArray[np.float64], same: NDArray[np.bool_], precision: str, allowed_drop: float = 0.0
) -> Agreement:
    """Judge the answers of a trained model's artifact.

    In 8-bit precisions, the agreement fails where it is surely below the minimum, that is, where its whole interval is.
    Where some answers differ and the interval holds the minimum, more samples are needed. In the other precisions,
    every sample must keep its answer whose best two values are further apart than the tolerance.

    Args:
        reference: Output of the model, [n, ..., classes].
        same: Whether each answer is the same, bool [n, ...].
        precision: Precision of the artifact.
        allowed_drop: Fraction of the answers that may be lost beyond what the precision allows.
    """
    found = count_agreement(same)
    if precision not in MIN_AGREEMENT:
        lost = _clearly_lost(reference, same, precision)
        text = f"{lost} of {same.size} samples get another top-1 answer by more than the tolerance"
        return Agreement(
            fraction=found.fraction, interval=found.interval, reason=text if lost > allowed_drop * same.size else ""
        )
    minimum, (low, high) = MIN_AGREEMENT[precision] - allowed_drop, found.interval
    asked = f"{100 * minimum:.4g} %"
    text = f"top-1 agreement is {100 * found.fraction:.1f} % on {len(same)} samples, surely below the {asked} asked"
    return Agreement(
        fraction=found.fraction,
        interval=found.interval,
        unsure=found.fraction < 1 and low < minimum <= high,
        reason=text if high < minimum else "",
    )


def _clearly_lost(reference: NDArray[np.float64], same: NDArray[np.bool_], precision: str) -> int:
    """Return how many answers changed although the best two values are further apart than the tolerance."""
    clear = _margins(reference) > MAX_REL_DIFF[precision] * np.abs(reference).max()
    return int((~same & clear).sum())


def _margins(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the distance between the best two values along the last axis; infinite for a single class."""
    if values.shape[-1] < 2:
        return np.full(values.shape[:-1], np.inf)
    best = np.partition(values, -2, axis=-1)[..., -2:]
    return np.asarray(best[..., 1] - best[..., 0])
