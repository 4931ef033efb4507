"""An answer to an image, with bars."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqnxt_tf.device.classification import Answer

BAR = 30  # characters of a certainty of 1
_EIGHTHS = " ▏▎▍▌▋▊▉"


def answer_lines(answer: Answer) -> list[str]:
    """Where it comes from and how long it took, then a line a class."""
    width = max(len(label) for label, _ in answer.top)
    return [
        f"{answer.source}: {answer.inference_ms:.1f} ms, and {answer.preprocessing_ms:.1f} ms for the image",
        *(f"  {label:<{width}}  {bar(value)}  {100 * value:5.1f} %" for label, value in answer.top),
    ]


def bar(fraction: float) -> str:
    """A bar of a fraction of 0 to 1, in eighths of a character."""
    eighths = round(max(0.0, min(fraction, 1.0)) * BAR * 8)
    return ("█" * (eighths // 8) + _EIGHTHS[eighths % 8]).strip().ljust(BAR)


def summary_line(answers: Sequence[Answer]) -> str:
    """Latency over several images."""
    times = [answer.inference_ms for answer in answers]
    return f"{len(times)} images; median {median(times):.1f} ms, {min(times):.1f} to {max(times):.1f} ms an image"
