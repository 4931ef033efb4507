from __future__ import annotations

import pytest

from sqnxt_tf.device.classification import Answer
from sqnxt_tf.reports.classification import BAR, bar, summary_line


@pytest.mark.parametrize(
    ("fraction", "shown"), [(0, ""), (1, "█" * BAR), (0.5, "█" * 15), (1 / 240, "▏"), (1.5 / 30, "█▌"), (7, "█" * BAR)]
)
def test_a_bar_is_drawn_in_eighths_and_never_changes_its_width(fraction: float, shown: str) -> None:
    assert bar(fraction) == shown.ljust(BAR)


def test_the_median_of_two_is_between_them() -> None:
    answers = [Answer(source="a", top=(), preprocessing_ms=0, inference_ms=time) for time in (4.0, 1.0)]
    assert summary_line(answers) == "2 images; median 2.5 ms, 1.0 to 4.0 ms an image"
