from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

from sqnxt_tf.data.catalogue import read_catalogue, read_label_names
from sqnxt_tf.data.data_source import DataSource, load_data
from sqnxt_tf.data.examples import encode
from sqnxt_tf.data.folders import encoded_folder
from sqnxt_tf.data.records import framed
from sqnxt_tf.data.unreadable_image import UnreadableImageError
from sqnxt_tf.errors import SqnxtError
from sqnxt_tf.workflows.data_pack import pack


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory, make_images: Any) -> Path:
    return make_images(tmp_path_factory.mktemp("data") / "images", 5, "abc")  # type: ignore[no-any-return]


def write_shard(path: Path, folder: Path, indices: list[int], **changed: Any) -> None:
    """A shard in ImageNet's usual layout, as others write it."""
    source = encoded_folder(folder)
    records = []
    for index in indices:
        data, label = source.read(index)
        records.append(
            encode({"image/encoded": data, "image/class/label": label + 1, "image/class/text": "x", **changed})
        )
    path.write_bytes(b"".join(map(framed, records)))


@pytest.fixture
def imagenet(tmp_path: Path, images: Path) -> Path:
    folder = tmp_path / "imagenet"
    folder.mkdir()
    for number in range(2):
        write_shard(folder / f"train-{number:05d}-of-00002", images, list(range(number, 10, 2)))
    write_shard(folder / "validation-00000-of-00001", images, list(range(10, 15)))
    (folder / "labels.txt").write_text("first\nsecond\nthird\n")
    return folder


def test_the_usual_layout_is_read_and_tested_on_its_validation_part(imagenet: Path, images: Path) -> None:
    parts = DataSource.parse(str(imagenet)).parts()
    assert {split: len(part) for split, part in parts.items()} == {"train": 10, "validation": 5, "test": 5}
    assert parts["train"].class_names == ("first", "second", "third")
    assert sorted(parts["train"].labels) == [0] * 5 + [1] * 5
    np.testing.assert_array_equal(load_data(str(imagenet)).image(4), load_data(str(images)).image(14))
    assert load_data(str(imagenet)).sources[0] == f"{imagenet}/validation-00000-of-00001 at byte 12"


def test_without_a_validation_part_every_tenth_training_image_validates(imagenet: Path) -> None:
    (imagenet / "validation-00000-of-00001").rename(imagenet / "test-00000-of-00001")
    parts = DataSource.parse(str(imagenet)).encoded_parts()
    assert {split: len(part) for split, part in parts.items()} == {"train": 9, "validation": 1, "test": 5}
    seen = [part.sources[index] for part in parts.values() for index in range(len(part))]
    assert len(set(seen)) == 15


@pytest.mark.parametrize(
    ("text", "first", "names"),
    [("cat\ndog\n", 1, ("cat", "dog")), ("0:cat\n1:dog\n", 0, ("cat", "dog")), ("2: dog\n1: cat", 1, ("cat", "dog"))],
)
def test_labels_are_named_by_line_or_by_number(tmp_path: Path, text: str, first: int, names: tuple[str, ...]) -> None:
    (tmp_path / "labels.txt").write_text(text)
    assert read_label_names(tmp_path) == (first, names)


@pytest.mark.parametrize(
    ("text", "fault"),
    [("", "is empty"), ("a\na\n", "names a class twice"), ("0:a\n2:b\n", "are not 0 to 1, once each")],
)
def test_names_that_leave_labels_out_are_refused(tmp_path: Path, text: str, fault: str) -> None:
    (tmp_path / "labels.txt").write_text(text)
    with pytest.raises(SqnxtError, match=fault):
        read_label_names(tmp_path)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"image/class/label": 0}, "its label 0 is not in 1 to 3"),
        ({"image/class/label": 4}, "its label 4 is not in 1 to 3"),
        ({"image/class/label": "b"}, "lacks image/encoded with bytes or image/class/label with an integer"),
        ({"image/encoded": 3}, "lacks image/encoded with bytes"),
    ],
)
def test_a_record_that_is_no_labelled_image_is_unreadable(
    imagenet: Path, images: Path, change: dict[str, Any], fault: str
) -> None:
    write_shard(imagenet / "train-00001-of-00002", images, [0], **change)
    train = DataSource.parse(str(imagenet)).encoded_part("train")
    with pytest.raises(UnreadableImageError, match=fault):
        train.read(len(train) - 1)


def test_what_is_missing_is_told(imagenet: Path) -> None:
    (imagenet / "labels.txt").unlink()
    with pytest.raises(SqnxtError, match=r"write labels\.txt beside the shards"):
        DataSource.parse(str(imagenet)).encoded_parts()
    (imagenet / "train-00001-of-00002").unlink()
    with pytest.raises(SqnxtError, match="has 1 of the 2 shards of train"):
        DataSource.parse(str(imagenet)).encoded_parts()


def test_shards_without_a_part_to_test_on_are_refused(imagenet: Path) -> None:
    (imagenet / "validation-00000-of-00001").unlink()
    with pytest.raises(SqnxtError, match="no labelled part but train"):
        DataSource.parse(str(imagenet)).encoded_parts()
    for shard in imagenet.glob("train-*"):
        shard.rename(imagenet / shard.name.replace("train", "test"))
    with pytest.raises(SqnxtError, match="nothing to train on"):
        DataSource.parse(str(imagenet)).encoded_parts()


@pytest.mark.parametrize(
    ("document", "fault"),
    [
        ("{", "is damaged"),
        ("[" * 100_000, "is damaged"),
        ("[]", "is damaged"),
        (json.dumps({"version": 2}), "is of version 2"),
        (
            json.dumps({"version": 1, "class_names": ["a"], "first_label": 1, "shards": {"x": {"images": 1}}}),
            "is damaged",
        ),
        (
            json.dumps(
                {
                    "version": 1,
                    "class_names": ["a"],
                    "first_label": 1,
                    "shards": {"../secret": {"images": 1, "bytes": 1, "sha256": ""}},
                }
            ),
            "a name or a number has the wrong type",
        ),
        (
            json.dumps({"version": 1, "class_names": [3], "first_label": 1, "shards": {}}),
            "a name or a number has the wrong type",
        ),
        (
            json.dumps({"version": 1, "class_names": ["a"], "first_label": -1, "shards": {}}),
            "a name or a number has the wrong type",
        ),
    ],
)
def test_a_damaged_catalogue_is_told(tmp_path: Path, document: str, fault: str) -> None:
    (tmp_path / "dataset.json").write_text(document)
    with pytest.raises(SqnxtError, match=fault):
        read_catalogue(tmp_path)


def test_shards_that_were_not_packed_so_are_refused(images: Path, tmp_path: Path) -> None:
    packed = pack(images, tmp_path / "packed", shards=2).path
    with (packed / "train-00001-of-00002").open("ab") as file:
        file.write(framed(b"one more"))
    with pytest.raises(SqnxtError, match="is not the shard that"):
        DataSource.parse(str(packed)).encoded_part("train")


@pytest.fixture
def tfds(imagenet: Path, monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """What of tensorflow-datasets is used, with one data set: its test part has no labels."""

    class Image: ...

    class ClassLabel:
        names = ("zero", "one", "two", "three")

    def split(name: str) -> SimpleNamespace:
        return SimpleNamespace(filepaths=[str(path) for path in sorted(imagenet.glob(f"{name}-*"))], num_examples=5)

    shutil.copy(imagenet / "validation-00000-of-00001", imagenet / "test-00000-of-00001")
    info = SimpleNamespace(
        features={"image/encoded": Image(), "image/class/label": ClassLabel(), "name": object()},
        splits={name: split(name) for name in ("train", "validation", "test")},
    )

    def builder(name: str) -> SimpleNamespace:
        if name != "known":
            raise ValueError(f"Dataset {name} not found.\n\nDid you mean:\n  known")
        return SimpleNamespace(info=info, download_and_prepare=lambda **_: None)

    module = ModuleType("tensorflow_datasets")
    module.builder, module.features = builder, SimpleNamespace(Image=Image, ClassLabel=ClassLabel)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "tensorflow_datasets", module)
    return info


def test_tensorflow_datasets_are_read_by_name(tfds: SimpleNamespace) -> None:
    parts = DataSource.parse("tfds:known").encoded_parts()
    assert {split: len(part) for split, part in parts.items()} == {"train": 10, "validation": 5, "test": 5}
    assert parts["train"].class_names == ("zero", "one", "two", "three")
    assert {parts["train"].read(index)[1] for index in range(10)} == {1, 2}


def test_a_test_part_without_labels_is_none(tfds: SimpleNamespace, imagenet: Path, images: Path) -> None:
    write_shard(imagenet / "test-00000-of-00001", images, [0, 1], **{"image/class/label": -1})
    assert DataSource.parse("tfds:known").encoded_parts()["test"].name == "tfds:known/validation"


def test_what_tensorflow_datasets_cannot_do_is_told_in_one_line(
    tfds: SimpleNamespace, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(
        SqnxtError, match=r"^tfds:other: .*cannot prepare it \(Dataset other not found\. Did you mean: known\)"
    ):
        load_data("tfds:other", "train")
    tfds.features["second"] = tfds.features["image/encoded"]
    with pytest.raises(SqnxtError, match="has 2 images and 1 labels in each record"):
        load_data("tfds:known", "train")
    monkeypatch.setitem(sys.modules, "tensorflow_datasets", None)
    with pytest.raises(SqnxtError, match="pip install tensorflow-datasets"):
        load_data("tfds:known", "train")


def test_a_folder_with_one_packed_part_is_read_whole(imagenet: Path) -> None:
    for shard in imagenet.glob("train-*"):
        shard.unlink()
    assert len(load_data(str(imagenet))) == len(load_data(str(imagenet), "validation")) == 5
    with pytest.raises(SqnxtError, match="is not divided"):
        load_data(str(imagenet), "test")
