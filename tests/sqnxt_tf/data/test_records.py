from __future__ import annotations

import os
import struct
from contextlib import suppress
from pathlib import Path

import google_crc32c
import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.fuzzing import fuzz_seeds
from helpers.mutants import mutated
from sqnxt_tf.data.examples import decode, encode
from sqnxt_tf.data.records import LARGEST_RECORD, checksum, find_records, framed, read_record
from sqnxt_tf.data.unreadable_image import UnreadableImageError
from sqnxt_tf.errors import SqnxtError

FEATURES = {"image/encoded": b"\x00\xff" * 40, "image/class/label": 7, "image/class/text": "cat", "negative": -3}


def write(path: Path, *records: bytes) -> Path:
    path.write_bytes(b"".join(map(framed, records)))
    return path


def read_all(path: Path) -> list[bytes]:
    return [read_record(path, start, length) for start, length in find_records(path).tolist()]


def test_tensorflow_reads_what_we_write_and_we_read_what_it_writes(tmp_path: Path) -> None:
    import tensorflow as tf

    ours = write(tmp_path / "ours", encode(FEATURES), encode({}))
    read = [tf.train.Example.FromString(record.numpy()) for record in tf.data.TFRecordDataset(str(ours))]
    assert read[0].features.feature["image/class/label"].int64_list.value[:] == [7]
    assert read[0].features.feature["image/encoded"].bytes_list.value[:] == [FEATURES["image/encoded"]]
    with tf.io.TFRecordWriter(str(tmp_path / "theirs")) as writer:
        for example in read:
            writer.write(example.SerializeToString())
    assert [decode(record) for record in read_all(tmp_path / "theirs")] == [
        {**FEATURES, "image/class/text": b"cat"},
        {},
    ]


def test_features_of_other_kinds_are_passed_over() -> None:
    import tensorflow as tf

    example = tf.train.Example()
    example.features.feature["floats"].float_list.value.extend([0.5])
    example.features.feature["none"].int64_list.value.extend([])
    example.features.feature["unset"].SetInParent()
    example.features.feature["many"].int64_list.value.extend([4, 5])
    assert decode(example.SerializeToString()) == {"many": 4}


@pytest.mark.parametrize("length", [LARGEST_RECORD + 1, 2**40, 2**63, 2**64 - 1, 2**64 - 16])
def test_a_length_that_the_file_does_not_have_takes_no_memory(tmp_path: Path, length: int) -> None:
    header = struct.pack("<Q", length)
    (tmp_path / "hostile").write_bytes(header + struct.pack("<I", checksum(header)) + bytes(100))
    with pytest.raises(SqnxtError, match="is damaged at byte 0 of 112, after 0 records"):
        find_records(tmp_path / "hostile")


@given(st.binary(max_size=200))
def test_arbitrary_bytes_are_no_chain_of_records(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.mktemp("records") / "arbitrary"
    path.write_bytes(framed(b"first") + data)
    if data:
        with pytest.raises(SqnxtError, match="after 1 records"):
            find_records(path)
    else:
        assert find_records(path).tolist() == [[12, 5]]


@given(st.binary(max_size=200))
def test_arbitrary_bytes_are_an_example_or_an_error(data: bytes) -> None:
    with suppress(ValueError):
        assert all(isinstance(value, bytes | int) for value in decode(data).values())


def test_every_flipped_bit_is_found(tmp_path: Path) -> None:
    whole = framed(b"data of a record")
    for bit in range(8 * len(whole)):
        damaged = bytearray(whole)
        damaged[bit // 8] ^= 1 << bit % 8
        (tmp_path / "flipped").write_bytes(damaged)
        with pytest.raises(SqnxtError, match=r"is damaged|wrong checksum"):
            read_all(tmp_path / "flipped")


@pytest.mark.slow
@pytest.mark.fuzz
def test_thousands_of_damaged_files(tmp_path: Path) -> None:
    path = write(tmp_path / "damaged", *(encode({**FEATURES, "image/class/label": label}) for label in range(5)))
    whole = path.read_bytes()
    for seed in fuzz_seeds(300):
        path.write_bytes(mutated("tfrecord", whole, seed))
        with suppress(SqnxtError, UnreadableImageError):
            examples = [decode(record) for record in read_all(path)]
            assert all(example["negative"] == -3 for example in examples), seed  # whole records of the file, or none


def test_a_file_cut_short_is_told(tmp_path: Path) -> None:
    path = write(tmp_path / "cut", b"one", b"two")
    os.truncate(path, path.stat().st_size - 1)
    with pytest.raises(SqnxtError, match="after 1 records"):
        find_records(path)
    with pytest.raises(UnreadableImageError, match="wrong checksum"):  # cut after it was opened
        read_record(path, 31, 3)


def test_compressed_files_are_told(tmp_path: Path) -> None:
    (tmp_path / "zipped").write_bytes(b"\x1f\x8b" + bytes(50))
    with pytest.raises(SqnxtError, match="is compressed"):
        find_records(tmp_path / "zipped")


def test_the_checksum_is_the_published_one() -> None:
    assert google_crc32c.value(b"123456789") == 0xE3069283  # the check value of CRC-32C
    assert checksum(b"") == 0xA282EAD8
