"""A source of data is parsed once: what a name means, and which parts the data have."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sqnxt_tf.data.data_source import DataKind, DataSource, load_data
from sqnxt_tf.data.digits import SPLITS, Split
from sqnxt_tf.errors import SqnxtError


def touch_shards(folder: Path, **counts: int) -> Path:
    """Empty shards: names are all that parsing reads."""
    folder.mkdir()
    for split, count in counts.items():
        for number in range(count):
            (folder / f"{split}-{number:05d}-of-{count:05d}").touch()
    return folder


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("digits", DataKind.DIGITS),
        (DataKind.DIGITS, DataKind.DIGITS),
        ("tfds:mnist", DataKind.TFDS),
        ("tfds:", DataKind.TFDS),
        ("Digits", DataKind.IMAGES),
        ("./digits", DataKind.IMAGES),
        ("tfds", DataKind.IMAGES),
        ("no/such/folder", DataKind.IMAGES),
        (Path("digits"), DataKind.IMAGES),
        (Path("tfds:mnist"), DataKind.IMAGES),
    ],
)
def test_a_name_is_parsed_into_its_kind(name: str | Path, kind: DataKind) -> None:
    source = DataSource.parse(name)
    assert (source.kind, source.name, str(source)) == (kind, str(name), str(name))
    assert source.is_digits == (kind is DataKind.DIGITS)


@given(st.text())
def test_the_name_stays_as_it_was_given(name: str) -> None:
    if "\0" in name:
        return
    source = DataSource.parse(name)
    assert source.name == name
    assert DataSource.parse(source) is source
    assert DataSource.parse(source.name) == source


@pytest.mark.parametrize("name", ["digits", "photos", "tfds:mnist"])
def test_a_source_is_a_value(name: str) -> None:
    source = DataSource.parse(name)
    assert pickle.loads(pickle.dumps(source)) == copy.deepcopy(source) == source
    assert len({source, DataSource.parse(name)}) == 1


@pytest.mark.parametrize(
    ("counts", "kind", "is_divided"),
    [
        ({"train": 2, "validation": 1}, DataKind.TFRECORDS, True),
        ({"train": 1, "val": 1}, DataKind.TFRECORDS, True),
        ({"train": 3}, DataKind.TFRECORDS, False),
        ({"validation": 1, "test": 1}, DataKind.TFRECORDS, False),
        ({"other": 1}, DataKind.IMAGES, False),
        ({}, DataKind.IMAGES, False),
    ],
)
def test_a_folder_of_shards_is_known_by_their_names(
    tmp_path: Path, counts: dict[str, int], kind: DataKind, is_divided: bool
) -> None:
    source = DataSource.parse(touch_shards(tmp_path / "data", **counts))
    assert (source.kind, source.is_divided) == (kind, is_divided)


def test_a_shard_that_is_missing_is_named_when_the_source_is_parsed(tmp_path: Path) -> None:
    folder = touch_shards(tmp_path / "data", train=3)
    (folder / "train-00001-of-00003").unlink()
    with pytest.raises(SqnxtError, match="data: has 2 of the 3 shards of train; copy or pack the others"):
        DataSource.parse(folder)


@pytest.mark.parametrize(
    ("names", "is_divided"),
    [
        (("train", "validation", "test"), True),
        (("train", "val"), True),
        (("train", "test"), True),
        (("train",), False),
        (("validation", "test"), False),
        (("a", "b"), False),
    ],
)
def test_a_folder_is_divided_by_its_sub_folders(tmp_path: Path, names: tuple[str, ...], is_divided: bool) -> None:
    for name in names:
        (tmp_path / name).mkdir()
    assert DataSource.parse(tmp_path).is_divided == is_divided


@pytest.mark.parametrize("name", ["digits", "tfds:mnist"])
def test_digits_and_prepared_data_are_always_divided(name: str) -> None:
    assert DataSource.parse(name).is_divided


@pytest.mark.parametrize(
    ("stored", "sizes"),
    [
        (("train", "validation", "test"), (20, 20, 20)),
        (("train", "val"), (20, 20, 20)),  # tested on the validation part
        (("train", "test"), (18, 2, 20)),  # validated on every tenth training image
    ],
)
def test_missing_parts_are_made_of_the_others(
    tmp_path: Path, make_images: Any, stored: tuple[str, ...], sizes: tuple[int, int, int]
) -> None:
    for name in stored:
        make_images(tmp_path / "data" / name, 10)
    source = DataSource.parse(tmp_path / "data")
    parts = source.parts()
    assert tuple(parts) == SPLITS
    assert tuple(map(len, parts.values())) == sizes
    assert not set(parts["train"].sources) & set(parts["validation"].sources)
    for split in SPLITS:
        assert source.part(split).sources == parts[split].sources
    assert source.part().sources == source.part("test").sources


def test_undivided_data_are_read_whole_and_in_no_other_way(tmp_path: Path, make_images: Any) -> None:
    folder = make_images(tmp_path / "data", 3)
    assert len(load_data(folder)) == 6
    with pytest.raises(SqnxtError, match="is not divided into train, validation, test; leave out `split`"):
        load_data(folder, "train")
    with pytest.raises(SqnxtError, match="has no sub-folder train and no validation and no test"):
        DataSource.parse(folder).parts()


def test_parts_with_other_classes_are_refused(tmp_path: Path, make_images: Any) -> None:
    make_images(tmp_path / "data" / "train", 2, "ab")
    make_images(tmp_path / "data" / "test", 2, "ac")
    with pytest.raises(SqnxtError, match="its parts have different classes"):
        DataSource.parse(tmp_path / "data").parts()


@pytest.mark.parametrize("split", SPLITS)
def test_a_part_of_the_digits_equals_that_of_all_parts(split: Split) -> None:
    source = DataSource.parse("digits")
    np.testing.assert_array_equal(source.part(split).labels, source.parts()[split].labels)


def test_an_unknown_part_is_refused() -> None:
    with pytest.raises(SqnxtError, match="split 'tests': is not known; give one of train, validation, test"):
        load_data("digits", "tests")  # type: ignore[arg-type]


def test_a_folder_called_digits_is_read_as_a_folder(
    tmp_path: Path, make_images: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_images(tmp_path / "digits", 2)
    monkeypatch.chdir(tmp_path)
    assert len(load_data("digits")) == 359
    assert len(load_data("./digits")) == len(load_data(Path("digits"))) == 4


def test_a_name_too_long_for_a_file_is_not_a_folder() -> None:
    with pytest.raises(SqnxtError, match="is not a folder"):
        load_data("a" * 300)
