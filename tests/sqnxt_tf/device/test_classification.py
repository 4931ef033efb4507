"""Images of every kind are classified upright, in the colours that the file asks for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from onnx import helper
from PIL import Image

from helpers.onnx_graphs import save_graph, write_quadrants
from sqnxt_export import ExportError, Metadata, Preprocessing, write_metadata
from sqnxt_tf.device.classification import Classifier, classify_images, probabilities
from sqnxt_tf.errors import SqnxtError

SIDE = 40


def quadrant(mode: str, place: tuple[int, int], background: object = 0, shine: object = 255) -> Image.Image:
    """Return a dark image with one bright quarter."""
    image = Image.new(mode, (SIDE, SIDE), background)  # type: ignore[arg-type]
    half = SIDE // 2
    image.paste(shine, (half * place[1], half * place[0], half * (place[1] + 1), half * (place[0] + 1)))  # type: ignore[arg-type]
    return image


def best(path: Path, image: Path) -> str:
    (answer,) = classify_images(Classifier(path), [image])
    return answer.top[0][0]


@pytest.mark.parametrize(
    ("name", "image"),
    [
        ("grey.png", quadrant("L", (0, 1))),
        ("colour.jpg", quadrant("RGB", (0, 1), (0, 0, 0), (255, 250, 250))),
        ("deep.png", quadrant("I;16", (0, 1), 0, 65535)),
        ("palette.gif", quadrant("L", (0, 1)).convert("P")),
        ("alpha.png", quadrant("RGBA", (0, 1), (0, 0, 0, 255), (0, 0, 0, 0))),  # transparent is white
        ("print.tif", quadrant("CMYK", (0, 1), (255, 255, 255, 255), (0, 0, 0, 0))),  # no ink is white
        ("print.jpg", quadrant("CMYK", (0, 1), (255, 255, 255, 255), (0, 0, 0, 0))),
        ("bits.bmp", quadrant("1", (0, 1))),
        ("phone.avif", quadrant("RGB", (0, 1), (0, 0, 0), (255, 255, 255))),
        ("scan.jp2", quadrant("L", (0, 1))),
        ("old.tga", quadrant("RGBA", (0, 1), (0, 0, 0, 255), (0, 0, 0, 0))),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_any_picture_is_seen_as_it_looks(
    quadrants: Callable[..., Path], tmp_path: Path, name: str, image: Image.Image
) -> None:
    image.save(tmp_path / name)
    assert best(quadrants(), tmp_path / name) == "top right"


def test_what_starts_another_program_is_not_read(quadrants: Callable[..., Path], tmp_path: Path) -> None:
    quadrant("L", (0, 1)).save(tmp_path / "script.eps")
    with pytest.raises(SqnxtError, match="no image of a known format"):
        best(quadrants(), tmp_path / "script.eps")


@pytest.mark.parametrize(
    ("orientation", "seen"), [(1, "top left"), (3, "bottom right"), (6, "top right"), (8, "bottom left")]
)
def test_a_camera_held_sideways_is_put_right(
    quadrants: Callable[..., Path], tmp_path: Path, orientation: int, seen: str
) -> None:
    image = quadrant("L", (0, 0))
    exif = image.getexif()
    exif[0x0112] = orientation
    image.save(tmp_path / "photo.jpg", exif=exif)
    assert best(quadrants(), tmp_path / "photo.jpg") == seen


def test_a_file_that_takes_pixels_gets_pixels(quadrants: Callable[..., Path], tmp_path: Path) -> None:
    quadrant("L", (1, 0), 10, 60).save(tmp_path / "dim.png")
    for bare in (False, True):
        classifier = Classifier(quadrants("pixels.onnx", pixels=True, bare=bare))
        (answer,) = classify_images(classifier, [tmp_path / "dim.png"])
        assert answer.top[0][0] == ("class 2" if bare else "bottom left")
        assert answer.top[0][1] == pytest.approx(1)  # 60 against 10, and not 60/127.5 against 10/127.5


def test_without_metadata_classes_have_numbers_and_a_note_says_what_is_assumed(
    quadrants: Callable[..., Path], tmp_path: Path
) -> None:
    classifier = Classifier(quadrants(bare=True), top=2)
    assert len(classifier.notes) == 2
    assert "no metadata on preprocessing: images are stretched to 4x4, values -1 to 1" in classifier.notes[0]
    assert "no labels" in classifier.notes[1]
    quadrant("L", (1, 1)).save(tmp_path / "a.png")
    (answer,) = classify_images(classifier, [tmp_path / "a.png"])
    assert len(answer.top) == 2
    assert answer.top[0][0] == "class 3"
    assert answer.to_json()["top"][0]["probability"] > 0.5
    assert answer.inference_ms > 0


def test_too_few_labels_are_no_labels(tmp_path: Path) -> None:
    path = write_quadrants(tmp_path / "few.onnx")
    write_metadata(path, Metadata(labels=("one", "two"), preprocessing=Preprocessing.plain(4, channels=1)))
    assert "2 labels for its 4 classes" in Classifier(path).notes[0]


def test_what_does_not_fit_is_refused(tmp_path: Path) -> None:
    path = write_quadrants(tmp_path / "other.onnx")
    write_metadata(path, Metadata(preprocessing=Preprocessing.plain(8)))
    with pytest.raises(SqnxtError, match="takes images of 4x4x1, and its metadata resize them to 8x8x3"):
        Classifier(path)
    with pytest.raises(ExportError, match="one image of float32 or uint8 is needed"):
        Classifier(write_quadrants(tmp_path / "flat.onnx", rank=2))


def test_what_returns_no_classes_is_no_classifier(tmp_path: Path) -> None:
    """A network of style transfer, one of boxes and one of text got classes and per cents before."""
    relu = helper.make_node("Relu", ["image"], ["y"])
    boxes = [
        helper.make_node("Reshape", ["image", "rows"], ["boxes"]),
        helper.make_node("Flatten", ["image"], ["scores"]),
    ]
    cases = [
        ([relu], {"y": [1, 1, 4, 4]}, "is not a classifier: it returns a map of 1x4x4"),
        (boxes[:1], {"boxes": [1, 4, 4]}, "it returns boxes of 4x4"),
        ([helper.make_node("ReduceMean", ["image"], ["y"], keepdims=0)], {"y": []}, "returns a single number"),
    ]
    for nodes, outputs, words in cases:
        path = save_graph(tmp_path / "a.onnx", nodes, {"image": [1, 1, 4, 4]}, outputs, {"rows": np.array([1, 4, 4])})
        with pytest.raises(SqnxtError, match=words):
            Classifier(path)
    both = save_graph(
        tmp_path / "b.onnx", boxes, {"image": [1, 1, 4, 4]}, {"boxes": [1, 4, 4], "scores": [1, 16]},
        {"rows": np.array([1, 4, 4])},
    )  # fmt: skip
    assert Classifier(both).place == 1


def test_the_user_says_what_the_file_does_not(quadrants: Callable[..., Path], tmp_path: Path) -> None:
    (tmp_path / "names.txt").write_text("\n".join(f"quarter {index}" for index in range(4)))
    classifier = Classifier(quadrants(bare=True), preprocessing="0..1", labels=tmp_path / "names.txt")
    assert classifier.notes == []
    assert classifier.preprocessing.scale == (255.0,)
    quadrant("L", (1, 0)).save(tmp_path / "a.png")
    (answer,) = classify_images(classifier, [tmp_path / "a.png"])
    assert answer.top[0][0] == "quarter 2"


def test_what_cannot_be_read_is_told_and_the_rest_is_done(quadrants: Callable[..., Path], tmp_path: Path) -> None:
    folder = tmp_path / "pictures"
    (folder / "more").mkdir(parents=True)
    (tmp_path / "empty").mkdir()
    quadrant("L", (0, 0)).save(folder / "b.png")
    quadrant("L", (1, 1)).save(folder / "more" / "c.tga")
    (folder / "a.png").write_bytes((folder / "b.png").read_bytes()[:60])
    (folder / "notes.txt").write_text("no picture")
    (folder / "a folder.png").mkdir()
    (folder / "lost.png").symlink_to("nowhere")
    told: list[str] = []
    places = [tmp_path / "gone.png", tmp_path / "empty", folder]
    answers = list(classify_images(Classifier(quadrants()), places, on_fault=lambda error: told.append(str(error))))
    assert [Path(answer.source).name for answer in answers] == ["b.png", "c.tga"]
    assert [answer.top[0][0] for answer in answers] == ["top left", "bottom right"]
    faults = ("no such file", "holds no images", "cannot be read as an image", "lost.png: cannot be read")
    for line, fault in zip(told, faults, strict=True):
        assert fault in line


def test_logits_become_probabilities_and_probabilities_stay() -> None:
    assert probabilities(np.array([0.0, np.log(3)], np.float32)) == pytest.approx([0.25, 0.75])
    assert probabilities(np.array([0.3, 0.7], np.float32)) == pytest.approx([0.3, 0.7])
    assert probabilities(np.array([-1000, 1000], np.float32)) == pytest.approx([0, 1])
