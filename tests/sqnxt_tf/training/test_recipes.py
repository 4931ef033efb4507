from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sqnxt_tf.errors import SqnxtError
from sqnxt_tf.training.recipes import DIGITS, PAPER

IMAGENET_IMAGES = 1_281_167
PAPER_ITERATIONS = 150_136  # of the published solver


def test_the_papers_schedule() -> None:
    assert PAPER.epochs * IMAGENET_IMAGES // PAPER.batch == PAPER_ITERATIONS
    rates = [PAPER.rate_at(step, PAPER_ITERATIONS) for step in (0, 390, 780, PAPER_ITERATIONS // 2, PAPER_ITERATIONS)]
    assert rates == pytest.approx([0.1, 0.25, 0.4 * (1 - 780 / PAPER_ITERATIONS) ** 2, 0.1, 0.0])


@given(st.integers(0, 799))
def test_tensors_and_numbers_give_the_same_rate(step: int) -> None:
    import tensorflow as tf

    tensor = DIGITS.rate_at(tf.constant(step, tf.float32), 800)
    assert float(tensor) == pytest.approx(DIGITS.rate_at(step, 800), rel=1e-5, abs=1e-9)


def test_the_rate_never_rises_after_the_warm_up() -> None:
    rates = [DIGITS.rate_at(step, 800) for step in range(800)]
    assert np.all(np.diff(rates[: DIGITS.warmup_steps]) > 0)
    assert np.all(np.diff(rates[DIGITS.warmup_steps :]) < 0)


def test_the_last_batch_of_an_epoch_counts() -> None:
    assert replace(DIGITS, batch=32).steps_per_epoch(1259) == 40


@pytest.mark.parametrize(("field", "value"), [("epochs", 0), ("batch", -1), ("rate", -0.1), ("momentum", 1.0)])
def test_numbers_out_of_range_are_refused(field: str, value: float) -> None:
    with pytest.raises(SqnxtError, match=f"recipe: {field} = {value} is out of range"):
        replace(DIGITS, **{field: value})
