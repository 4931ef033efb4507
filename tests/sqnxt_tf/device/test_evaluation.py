from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import sqnxt_export
from helpers.onnx_graphs import QUADRANTS, write_quadrants
from sqnxt_base.proportion import wilson_interval
from sqnxt_export import Metadata, Preprocessing, TensorInfo
from sqnxt_tf.accuracy import count_answers, paired_loss
from sqnxt_tf.data.folders import image_folder
from sqnxt_tf.data.images import ImageSet
from sqnxt_tf.device.evaluation import evaluate
from sqnxt_tf.device.misclassified import write_misclassified
from sqnxt_tf.errors import SqnxtError


def image_set(labels: list[int], classes: int = 6) -> ImageSet:
    return ImageSet(
        name="made up",
        labels=np.array(labels, np.int64),
        class_names=tuple("abcdefgh"[:classes]),
        sources=("",) * len(labels),
        image=lambda index: np.zeros((8, 8), np.uint8),
    )


def test_top1_top5_and_confusion_of_known_answers() -> None:
    # logits fall from class to class: the best is always 0, and class 5 is never among the best five
    logits = np.tile(np.arange(6, 0, -1, dtype=np.float32), (4, 1))
    result = count_answers(Path("m.onnx"), image_set([0, 0, 4, 5]), logits)
    assert (result.top1, result.top5) == (0.5, 0.75)
    assert result.misclassified().tolist() == [2, 3]
    confusion = result.confusion()
    assert (confusion[0, 0], confusion[4, 0], confusion[5, 0], confusion.sum()) == (2, 1, 1, 4)
    assert result.to_json()["top1_interval"] == list(result.top1_interval)


def test_with_fewer_than_five_classes_every_class_is_among_the_best_five() -> None:
    assert count_answers(Path("m"), image_set([0, 1], 2), np.array([[0, 1], [0, 1]], np.float32)).top5 == 1


# Newcombe, Statistics in Medicine 17 (1998) 857-872, Table I, method 3
@pytest.mark.parametrize(
    ("hits", "samples", "low", "high"),
    [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
        (29, 29, 0.8830, 1.0),
    ],
)
def test_the_interval_equals_published_values(hits: int, samples: int, low: float, high: float) -> None:
    assert wilson_interval(hits, samples) == pytest.approx((low, high), abs=5e-5)


@given(st.integers(1, 5000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_the_interval_holds_the_fraction_and_stays_between_0_and_1(counts: tuple[int, int]) -> None:
    hits, samples = counts
    low, high = wilson_interval(hits, samples)
    assert 0 <= low <= hits / samples + 1e-12
    assert hits / samples - 1e-12 <= high <= 1


def answers(*counts: int) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Return the correct answers before and after: right in both, lost, won and wrong in both, as many as given."""
    before, after = (np.repeat(kind, counts) for kind in ([True, True, False, False], [True, False, True, False]))
    return before, after


def test_the_loss_of_paired_answers_counts_only_what_changed() -> None:
    assert paired_loss(*answers(352, 3, 1, 3))[0] == pytest.approx(2 / 359)
    lost, low, high = paired_loss(*answers(350, 4, 4, 1))
    assert (lost, -low) == (0, pytest.approx(high))
    forth, back = paired_loss(*answers(350, 6, 2, 1)), paired_loss(*answers(350, 2, 6, 1))
    assert forth == pytest.approx((-back[0], -back[2], -back[1]))
    (_, low, high), (least, most) = paired_loss(*answers(355, 0, 0, 4)), wilson_interval(355, 359)
    assert low < 0 < high
    assert high - low < 2 * (most - least)


def test_the_interval_of_paired_answers_holds_what_it_says() -> None:
    random, true_loss, held = np.random.default_rng(0), 0.01, 0
    for counts in random.multinomial(359, [0.96, 0.02, 0.01, 0.01], size=2000):
        _, low, high = paired_loss(*answers(*counts))
        held += low <= true_loss <= high
    assert 0.94 < held / 2000 < 0.99


def test_images_that_cannot_be_read_are_left_out(
    tmp_path: Path, make_images: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make_images(tmp_path / "images", 3)
    for name in ("a/01.jpg", "b/00.jpg"):
        (folder / name).write_bytes(b"nothing")
    metadata = Metadata(labels=("a", "b"), preprocessing=Preprocessing.plain(4))
    always_a = SimpleNamespace(
        path=Path("model.onnx"),
        input_shape=(4, 4, 3),
        input_range=None,
        takes_pixels=False,
        outputs=(TensorInfo(name="logits", shape=(2,)),),
        run_all=lambda images: (np.tile(np.float32([1, 0]), (len(images), 1)),),
    )
    monkeypatch.setattr(sqnxt_export, "open_model", lambda path, threads: always_a)
    monkeypatch.setattr("sqnxt_tf.image_input.read_metadata", lambda path: metadata)
    data = image_folder(folder)
    result = evaluate("model.onnx", data)
    assert (result.samples, result.top1) == (4, 0.5)
    assert [Path(source).name for source in result.to_json()["left_out"]] == ["01.jpg", "00.jpg"]
    assert [data.sources[result.index_in_data(int(place))][-8:] for place in result.misclassified()] == [
        "b/01.jpg",
        "b/02.jpg",
    ]
    assert len(write_misclassified(result, data, tmp_path / "wrong")) == 2
    for path in folder.rglob("*.jpg"):
        path.write_bytes(b"nothing")
    with pytest.raises(SqnxtError, match="has no image that can be read"):
        evaluate("model.onnx", data)


def _bright_quadrants(folder: Path) -> ImageSet:
    for place, name in enumerate(QUADRANTS):
        pixels = np.zeros((4, 4), np.uint8)
        row, column = divmod(place, 2)
        pixels[2 * row : 2 * row + 2, 2 * column : 2 * column + 2] = 255
        (folder / name).mkdir(parents=True)
        for number in range(2):
            Image.fromarray(pixels).save(folder / name / f"{number}.png")
    return image_folder(folder)


def test_files_of_others_are_evaluated_with_what_the_user_says(tmp_path: Path) -> None:
    data = _bright_quadrants(tmp_path / "images")
    assert data.class_names != QUADRANTS  # a folder's classes are sorted
    path = write_quadrants(tmp_path / "foreign.onnx")
    with pytest.raises(SqnxtError, match="has no metadata on preprocessing; give `preprocessing`"):
        evaluate(path, data)
    (tmp_path / "labels.txt").write_text("\n".join(QUADRANTS))
    assert evaluate(path, data, preprocessing="0..1", labels=tmp_path / "labels.txt").top1 == 1
    assert evaluate(path, data, preprocessing="0..1").top1 < 1  # without labels, classes are numbered
    (tmp_path / "labels.txt").write_text("\n".join(QUADRANTS[:3]))
    with pytest.raises(SqnxtError, match="has 3 classes"):
        evaluate(path, data, preprocessing="0..1", labels=tmp_path / "labels.txt")
    (tmp_path / "labels.txt").write_text("\n".join([*QUADRANTS, "centre"]))
    with pytest.raises(SqnxtError, match="returns 4 scores, and there are 5 classes"):
        evaluate(path, data, preprocessing="0..1", labels=tmp_path / "labels.txt")
