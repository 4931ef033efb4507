from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from sqnxt_tf.data.batches import ONLY_WORKER
from sqnxt_tf.data.pipeline import Arrays, InMemory
from sqnxt_tf.errors import SqnxtError
from sqnxt_tf.training.recipe_files import DIGITS
from sqnxt_tf.training.stepping import MetricSums, Stepper, Throughput, one_run


def test_figures_are_means_over_images_however_the_steps_share_them() -> None:
    total = MetricSums(3.0, 1.0, 2.0) + MetricSums(6.0, 2.0, 4.0)
    assert total.means("val_") == {"val_loss": 1.5, "val_accuracy": 0.5}
    assert MetricSums().means() == {"loss": 0.0, "accuracy": 0.0}


def test_the_pace_is_that_of_the_last_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([0.0, 10.0, 11.0, 50.0, 52.0])  # the first step compiles
    monkeypatch.setattr("sqnxt_tf.training.stepping.time.monotonic", lambda: next(clock))
    monkeypatch.setattr(Throughput, "WINDOW", 2)
    throughput = Throughput()
    assert [throughput.after(32), throughput.after(32), throughput.after(32)] == [0.0, 3.2, 32.0]
    throughput.pause()
    assert [throughput.after(32), throughput.after(31)] == [0.0, 15.5]


def test_data_that_end_before_the_run_are_told() -> None:
    class Short(InMemory):
        def training(self, **which: Any) -> Iterator[tuple[Any, Any]]:
            yield from [(None, None)] * 3

    data = Short(arrays=Arrays(np.zeros((8, 2, 2, 3), np.float32), np.arange(8)))
    batches = one_run(data, replace(DIGITS, epochs=2, batch=4), 0, 0, ONLY_WORKER)
    with pytest.raises(SqnxtError, match="memory: ends at step 3 of 4; check that all data are there"):
        list(batches)


@pytest.mark.parametrize(("labels", "padded"), [([], [0, 0, 0]), ([4], [4, 4, 4]), ([4, 5], [4, 5, 4])])
def test_a_part_smaller_than_its_replicas_is_filled_with_its_own_images(labels: list[int], padded: list[int]) -> None:
    stepper = object.__new__(Stepper)
    stepper._local = 3
    images = np.full((len(labels), 2, 2, 3), np.array(labels, np.float32)[:, None, None, None])
    shown, truth, weights = stepper._padded(images, np.array(labels, np.int64))
    assert truth.numpy().tolist() == shown.numpy()[:, 0, 0, 0].tolist() == padded
    assert weights.tolist() == [1.0] * len(labels) + [0.0] * (3 - len(labels))
