import pytest

from sqnxt_tf.reports.classification import BAR, bar


@pytest.mark.parametrize(
    ("fraction", "shown"), [(0, ""), (1, "█" * BAR), (0.5, "█" * 15), (1 / 240, "▏"), (1.5 / 30, "█▌"), (7, "█" * BAR)]
)
def test_a_bar_is_drawn_in_eighths_and_never_changes_its_width(fraction: float, shown: str) -> None:
    assert bar(fraction) == shown.ljust(BAR)
