"""The classes that a network sees in an image, with bars."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import TYPE_CHECKING

from sqnxt_base.printable_text import printable
from sqnxt_tf.reports.columns import display_width

if TYPE_CHECKING:
    from sqnxt_tf.device.classification import Answer

BAR = 30  # characters of the bar of a probability of 1
_EIGHTHS = " ▏▎▍▌▋▊▉"


def answer_lines(answer: Answer) -> list[str]:
    """Return a line with the source and the time, then one for each class."""
    shown = [(printable(label), value) for label, value in answer.top]
    width = max(display_width(label) for label, _ in shown)
    return [
        f"{answer.source}: {answer.inference_ms:.1f} ms, and {answer.preprocessing_ms:.1f} ms for the image",
        *(
            f"  {label}{' ' * (width - display_width(label))}  {bar(value)}  {100 * value:5.1f} %"
            for label, value in shown
        ),
    ]


def bar(fraction: float) -> str:
    """Return a bar as long as a fraction of 0 to 1, in steps of an eighth of a character."""
    eighths = round(max(0.0, min(fraction, 1.0)) * BAR * 8)
    return ("█" * (eighths // 8) + _EIGHTHS[eighths % 8]).strip().ljust(BAR)


def summary_line(answers: Sequence[Answer]) -> str:
    """Return the latency over several images."""
    times = [answer.inference_ms for answer in answers]
    return f"{len(times)} images; median {median(times):.1f} ms, {min(times):.1f} to {max(times):.1f} ms an image"
