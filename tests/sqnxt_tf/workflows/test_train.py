"""What `train` says of a run that is over."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from sqnxt_tf.accuracy import Evaluation
from sqnxt_tf.workflows.train import TrainingResult

LABELS = np.arange(100) % 10


def result_of(predictions: np.ndarray, unreadable: tuple[str, ...] = ()) -> TrainingResult:
    test = Evaluation(
        path=Path("m.keras"),
        data="digits/test",
        class_names=tuple("0123456789"),
        labels=LABELS,
        predictions=predictions,
        top5_hits=100,
    )
    return TrainingResult(path=Path("m.keras"), network="squeezenet_v1_1", history=[], test=test, unreadable=unreadable)


def test_a_run_that_learnt_nothing_says_so_and_what_to_do() -> None:
    result = result_of(np.zeros(100, np.int64))
    (note,) = result.notes
    assert "10.0 % is no better than guessing" in note
    assert "give a lower learning rate" in note
    assert result.to_json()["notes"] == [note]


def test_a_run_that_learnt_something_says_nothing() -> None:
    assert result_of(LABELS).notes == ()
    assert result_of(np.where(np.arange(100) < 40, LABELS, 0)).notes == ()


def test_images_that_were_left_out_are_counted() -> None:
    assert result_of(LABELS, ("a.jpg", "b.jpg")).notes == ("images that cannot be read and were left out: 2",)
    assert len(result_of(np.zeros(100, np.int64), ("a.jpg",)).notes) == 2
