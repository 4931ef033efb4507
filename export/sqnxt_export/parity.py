"""The comparison of an artifact's outputs with its model's, by thresholds for each precision."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sqnxt_export.agreement import count_agreement, judge_agreement
from sqnxt_export.errors import ExportError
from sqnxt_export.output_tasks import are_probabilities, centred_logarithms, check_task, has_answers, task_of
from sqnxt_export.parity_result import OutputParity, Parity
from sqnxt_export.quantise.precision import check_precision_name
from sqnxt_export.thresholds import MAX_RANGE_DIFF, MAX_REL_DIFF, MIN_AGREEMENT, MIN_SQNR_DB

SMALLEST_LOGIT = 0.01
"""Smallest reference value for relative differences of probabilities.

Logits that come from probabilities are known to 1e-7, the last digit of float32. Relative to smaller logits than this,
that digit would count as a difference.
"""
_ALIKE = 1e-3
"""Fraction of the largest value below which the spread of an output over the samples proves nothing."""
_VANISHED = 1e-12
"""Largest value below which the signals of a network have died out, as those of deep random weights do."""
_ROUNDING = 16 * float(np.finfo(np.float32).eps)
"""Difference, as a fraction of the largest value, that float32 arithmetic in another order explains."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judging:
    """What is known of a model's outputs, and decides which of them have answers that are judged.

    Attributes:
        trained: Whether top-1 answers are judged; those of random weights mean nothing.
        task: "classifier", "regressor" or "map"; "auto" looks at labels and values.
        classes: Number of labels in the metadata, 0 if there are none.
        rounded: Whether the artifact returns integers. Small probabilities are then rounded to zero, and logarithms
            mean nothing.
        allowed_drop: Fraction of the answers that may be lost beyond what the precision allows.

    Raises:
        ExportError: The task is unknown.
    """

    trained: bool = False
    task: str = "auto"
    classes: int = 0
    rounded: bool = False
    allowed_drop: float = 0.0

    def __post_init__(self) -> None:
        check_task(self.task)


def compare_outputs(
    reference: NDArray[Any], logits: NDArray[Any], precision: str, *, trained: bool = False, task: str = "auto"
) -> Parity:
    """Compare one output of two models, [n, ...] each with channels last, by the thresholds of `precision`.

    If both are probabilities, as models that end in a softmax return, their logarithms are compared. These are the
    logits up to a constant per sample. The probabilities of random weights are all alike and would prove nothing.

    Args:
        reference: Output of the model.
        logits: Output of the artifact.
        precision: Precision of the artifact; between two artifacts, the one with the looser thresholds.
        trained: Whether the top-1 answers are judged too; those of random weights mean nothing.
        task: "classifier", "regressor" or "map"; "auto" finds out.

    Raises:
        ExportError: The shapes differ, there are no samples, or the precision or the task is unknown.
    """
    return compare_all([("output", reference)], [logits], precision, Judging(trained=trained, task=task))


def compare_all(
    references: Sequence[tuple[str, NDArray[Any]]],
    outputs: Sequence[NDArray[Any]],
    precision: str,
    judging: Judging,
) -> Parity:
    """Compare every output of two models; see `compare_outputs`.

    Args:
        references: Name and values of each output of the model.
        outputs: Values of each output of the artifact, in the same order.
        precision: Precision of the artifact.
        judging: What the outputs are, and whether their answers are judged.

    Raises:
        ExportError: The numbers or shapes of the outputs differ, there are no samples, or the precision is unknown.
    """
    check_precision_name(precision)
    if len(references) != len(outputs) or not references:
        raise ExportError("parity", f"{len(outputs)} outputs against {len(references)}", "compare files of one model")
    task, classes, alone, found = judging.task, judging.classes, len(references) == 1, []
    for (name, reference), values in zip(references, outputs, strict=True):
        _check_shapes(reference, values)
        kind = task_of(reference, task, classes=classes, alone=alone)
        judged = has_answers(reference, kind, task, classes=classes)
        if not judging.rounded and are_probabilities(reference) and are_probabilities(values):
            logits = centred_logarithms(reference), centred_logarithms(values)
            figures, exact, same = _measure(name, kind, *logits, judged=judged, smallest=SMALLEST_LOGIT)
        else:
            figures, exact, same = _measure(name, kind, reference, values, judged=judged)
        figures = replace(figures, reason=figures.reason or _fault(figures, precision, trained=judging.trained))
        found.append(figures if same is None else _with_answers(figures, exact, same, precision, judging))
    return _joined(tuple(found), len(references[0][1]))


def _with_answers(
    figures: OutputParity, exact: NDArray[np.float64], same: NDArray[np.bool_], precision: str, judging: Judging
) -> OutputParity:
    """Return the figures of an output that has answers with their interval and, for trained models, the judgement."""
    if not judging.trained:
        return replace(figures, top1_interval=count_agreement(same).interval)
    found = judge_agreement(exact, same, precision, judging.allowed_drop)
    return replace(figures, top1_interval=found.interval, unsure=found.unsure, reason=figures.reason or found.reason)


def _joined(outputs: tuple[OutputParity, ...], samples: int) -> Parity:
    faults = [output for output in outputs if output.reason]
    agreements = [output.top1_agreement for output in outputs if output.top1_agreement is not None]
    where = f"output {faults[0].name!r}: " if faults and len(outputs) > 1 else ""
    return Parity(
        max_abs_diff=max(output.max_abs_diff for output in outputs),
        max_rel_diff=max(output.max_rel_diff for output in outputs),
        top1_agreement=min(agreements) if agreements else None,
        samples=samples,
        passed=not faults,
        reason=where + faults[0].reason if faults else "",
        outputs=outputs,
    )


def _check_shapes(reference: NDArray[Any], values: NDArray[Any]) -> None:
    if reference.shape != values.shape or reference.ndim < 1 or not reference.size:
        raise ExportError(
            "parity",
            f"outputs of shape {list(values.shape)} against {list(reference.shape)}",
            "compare models of the same classes on the same samples",
        )


def _measure(
    name: str, task: str, reference: NDArray[Any], values: NDArray[Any], *, judged: bool, smallest: float = 0.0
) -> tuple[OutputParity, NDArray[np.float64], NDArray[np.bool_] | None]:
    """Return the figures of one output, the reference as it was compared, and which answers are the same.

    Args:
        name: Its name.
        task: What it is.
        reference: Output of the model.
        values: Output of the artifact.
        judged: Whether the best class of each row is an answer.
        smallest: Smallest reference value for relative differences.
    """
    if not (np.isfinite(reference).all() and np.isfinite(values).all()):
        return _not_finite(name, task, reference, judged=judged), reference.astype(np.float64), None
    exact = reference.astype(np.float64)
    difference = np.abs(exact - values)
    largest, spread = (max(float(value), smallest) for value in (np.abs(exact).max(), np.ptp(exact)))
    absolute = float(difference.max())
    same = exact.argmax(axis=-1) == values.argmax(axis=-1) if judged else None
    figures = OutputParity(
        name=name,
        task=task,
        max_abs_diff=absolute,
        max_rel_diff=_ratio(absolute, largest),
        max_range_diff=_ratio(absolute, spread),
        sqnr_db=_decibels(float(exact.var()), float(np.mean(difference**2)), smallest),
        top1_agreement=None if same is None else float(same.mean()),
        alike=_is_alike(exact, largest, smallest),
    )
    return figures, exact, same


def _not_finite(name: str, task: str, reference: NDArray[Any], *, judged: bool) -> OutputParity:
    nan, culprit = float("nan"), "artifact" if np.isfinite(reference).all() else "model"
    return OutputParity(
        name=name,
        task=task,
        max_abs_diff=nan,
        max_rel_diff=nan,
        max_range_diff=nan,
        sqnr_db=nan,
        top1_agreement=0.0 if judged else None,
        reason=f"the {culprit} gives values that are not finite",
    )


def _is_alike(reference: NDArray[np.float64], largest: float, smallest: float) -> bool:
    """Tell whether an output hardly depends on the sample, or is too small for its digits to mean anything."""
    own = float(np.abs(reference).max())
    if own <= max(smallest, _VANISHED):
        return True
    return len(reference) > 1 and float(np.ptp(reference, axis=0).max()) <= _ALIKE * largest


def _fault(figures: OutputParity, precision: str, *, trained: bool) -> str:
    """Return which figure is beyond its threshold, or "" if none is.

    The 8-bit bound on the largest logit gives way to top-1 where that is judged. Differences that rounding in float32
    explains are none.
    """
    answers = trained and figures.top1_agreement is not None and precision in MIN_AGREEMENT
    tolerance, value = MAX_REL_DIFF[precision], "logit" if figures.task == "classifier" else "value"
    if figures.max_rel_diff > tolerance and not answers:
        return f"largest difference is {figures.max_rel_diff:.2g} of the largest {value}, {tolerance:g} allowed"
    if figures.max_rel_diff <= _ROUNDING:
        return ""
    allowed = MAX_RANGE_DIFF[precision]
    if figures.max_range_diff > allowed:
        return f"largest difference is {figures.max_range_diff:.2g} of the output's range, {allowed:g} allowed"
    if figures.sqnr_db < MIN_SQNR_DB[precision]:
        return f"signal-to-noise ratio is {figures.sqnr_db:.1f} dB, {MIN_SQNR_DB[precision]:g} asked"
    return ""


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else (0.0 if part == 0 else float("inf"))


def _decibels(signal: float, noise: float, smallest: float) -> float:
    """Return a ratio of powers in decibels; `smallest` is the floor of the signal's amplitude."""
    if noise == 0:
        return float("inf")
    signal = max(signal, smallest**2)
    return 10 * float(np.log10(signal / noise)) if signal else float("-inf")
