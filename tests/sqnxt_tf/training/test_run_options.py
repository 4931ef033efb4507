"""Options of a run that make no sense are refused where they are made."""

from __future__ import annotations

from typing import Any

import pytest

from sqnxt_tf.errors import SqnxtError
from sqnxt_tf.training.run_options import RunOptions, Saving


@pytest.mark.parametrize(
    ("settings", "fault"),
    [
        ({"steps": 0}, "checkpoints: steps = 0 is out of range; give a number of at least 1"),
        ({"steps": -3}, "checkpoints: steps = -3 is out of range"),
        ({"minutes": 0}, "checkpoints: minutes = 0 is out of range; give a number above 0"),
        ({"minutes": float("nan")}, "checkpoints: minutes = nan is out of range"),
    ],
)
def test_a_checkpoint_that_would_never_come_is_refused(settings: dict[str, Any], fault: str) -> None:
    with pytest.raises(SqnxtError, match=fault):
        Saving(**settings)


def test_options_have_defaults_for_all_but_the_strategy() -> None:
    options = RunOptions(strategy=None)
    assert (options.seed, options.folder, options.saving) == (0, None, Saving())
    options.progress("training", 1, 2, loss=0.5)  # nobody listens
