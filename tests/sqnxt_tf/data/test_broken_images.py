"""One broken image never ends a job: every verb leaves out the same images, names them and continues."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from helpers.broken_images import (
    SUFFIXES,
    broken_image,
    jpeg_of_scans,
    png_of_chunks,
    sound_image,
    write_broken_folder,
)
from helpers.fuzzing import fuzz_seeds
from helpers.onnx_graphs import QUADRANTS, write_quadrants
from sqnxt_base.printable_text import printable
from sqnxt_export import Metadata, Preprocessing, write_metadata
from sqnxt_tf.cli.main import run
from sqnxt_tf.data import decoding_limits
from sqnxt_tf.data.arrays import spread_arrays, to_arrays
from sqnxt_tf.data.data_source import load_data
from sqnxt_tf.data.decoding import decode, known_formats
from sqnxt_tf.data.decoding_limits import DatedBytes, count_scans
from sqnxt_tf.data.examples import decode as decode_example
from sqnxt_tf.data.records import find_records, read_record
from sqnxt_tf.data.unreadable import LOG, TooManyUnreadableError
from sqnxt_tf.data.unreadable_image import UnreadableImageError
from sqnxt_tf.device.classification import Classifier, classify_images
from sqnxt_tf.device.evaluation import evaluate
from sqnxt_tf.errors import SqnxtError
from sqnxt_tf.reports.results import accuracy_line
from sqnxt_tf.workflows.data_check import check_data
from sqnxt_tf.workflows.data_pack import pack

CASES = 40  # of each kind of image
SECONDS = 20  # for an image that is refused after ten seconds of the processor, on a busy machine
PLAIN = Preprocessing.plain(4, channels=1)
pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:PIL", "ignore::PIL.Image.DecompressionBombWarning")


def fault_of(data: bytes, formats: tuple[str, ...] | None = None) -> str:
    """Return why an image is refused; nothing if it is read. Any other end fails the test."""
    began = time.monotonic()
    fault, image = "", None
    try:
        image = decode(data, "a.png", **({"formats": formats} if formats else {}))
    except UnreadableImageError as error:
        fault = str(error).removeprefix("a.png: ").rpartition("; ")[0]
    assert time.monotonic() - began < SECONDS
    assert fault == printable(fault)
    assert image is None or image.mode == "RGB"
    return fault


@pytest.mark.parametrize("kind", SUFFIXES)
def test_hundreds_of_broken_images_are_read_or_refused_in_a_line(kind: str) -> None:
    assert not fault_of(sound_image(kind))
    faults = [fault_of(broken_image(kind, seed)) for seed in range(CASES)]
    assert CASES // 10 < sum(map(bool, faults)) <= CASES


@pytest.mark.slow
@pytest.mark.fuzz
@pytest.mark.parametrize("kind", SUFFIXES)
def test_thousands_more(kind: str) -> None:
    for seed in fuzz_seeds(100):
        fault_of(broken_image(kind, seed))
        fault_of(broken_image(kind, seed), known_formats())


def test_a_jpeg_of_thousands_of_scans_is_not_decoded() -> None:
    began = time.monotonic()
    assert fault_of(jpeg_of_scans(20_000, side=4000)) == (
        "is a JPEG of more than 100 scans, which would take too long to decode"
    )
    assert time.monotonic() - began < 1


def test_the_usual_numbers_of_scans_are_read() -> None:
    assert not fault_of(jpeg_of_scans(30))
    assert count_scans(sound_image("JPEG"), 1000) == 1
    assert count_scans(sound_image("progressive"), 1000) == 10


@pytest.mark.parametrize("scans", [0, 1, 60, 101, 5000])
def test_scans_are_counted_by_markers_and_not_by_bytes(scans: int) -> None:
    own = count_scans(jpeg_of_scans(0, side=8), 10_000)
    assert count_scans(jpeg_of_scans(scans, side=8), 10_000) == own + scans
    comment = b"\xff\xfe" + (2 + 3000).to_bytes(2, "big") + b"\xff\xda" * 1500  # bytes of a scan within a comment
    data = jpeg_of_scans(scans, side=8)
    assert count_scans(data[:2] + comment + data[2:], 10_000) == own + scans


def test_many_scans_of_a_large_image_count_more_than_of_a_small_one(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not fault_of(jpeg_of_scans(30, side=500))
    monkeypatch.setattr(decoding_limits, "_MOST_WORK", 5_000_000)
    assert "scans, which would take too long to decode" in fault_of(jpeg_of_scans(30, side=500))


def test_decoding_has_a_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    data = png_of_chunks(1_000_000)
    monkeypatch.setattr("sqnxt_tf.data.decoding.DatedBytes", lambda data: DatedBytes(data, 0.05))
    began = time.monotonic()
    assert fault_of(data) == "cannot be read as an image (decoding it takes more than 0.05 s)"
    assert time.monotonic() - began < 5
    assert not fault_of(sound_image("PNG"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_broken_folder(tmp_path / "images", QUADRANTS[:2])


@pytest.fixture
def network(tmp_path: Path) -> Path:
    path = write_quadrants(tmp_path / "net.onnx")
    write_metadata(path, Metadata(network="quadrants", labels=QUADRANTS, preprocessing=PLAIN, precision=""))
    return path


def broken_in(folder: Path) -> set[str]:
    """Return the images that `data check` calls unreadable."""
    findings = check_data(folder).findings
    return {finding.source for finding in findings if finding.kind in ("unreadable", "truncated")}


def test_every_verb_leaves_out_and_names_the_same_images(
    folder: Path, network: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    broken = broken_in(folder)
    assert len(broken) > 25
    special = {"fifo.png", "socket.jpg", "device.png", "nowhere.png", "loop.png", "cut.png", "scans.jpg", "exif.png"}
    assert special <= {Path(source).name for source in broken}
    images = load_data(folder)
    sound = len(images) - len(broken)

    packed = pack(folder, tmp_path / "packed", shards=2)
    assert set(packed.unreadable) == broken
    assert packed.images == {"train": sound}
    assert not (packed.path / "packing.json").exists()
    caplog.clear()
    with caplog.at_level(logging.WARNING, LOG):
        result = evaluate(network, images)
    assert (set(result.left_out), result.samples) == (broken, sound)
    lines = [record.getMessage() for record in caplog.records if record.name == LOG]
    assert len(lines) == len(broken)
    assert all(line == printable(line) for line in lines)
    for arrays in (to_arrays(images, PLAIN), spread_arrays(images, PLAIN, len(images))):
        assert (set(arrays.left_out), len(arrays.images), len(arrays)) == (broken, sound, sound)
    assert not to_arrays(load_data(packed.path), PLAIN).left_out


def test_others_take_the_places_of_broken_images(folder: Path) -> None:
    images = load_data(folder)
    sound = len(images) - len(broken_in(folder))
    for count in (1, 5, sound - 1, sound):
        arrays = spread_arrays(images, PLAIN, count)
        assert len(arrays) == len(arrays.images) == count


def test_classify_names_each_and_answers_for_the_others(folder: Path, network: Path) -> None:
    faults: list[Exception] = []
    answers = list(classify_images(Classifier(network), [folder], on_fault=faults.append))
    named = {str(error).partition(": ")[0] for error in faults}
    assert named <= {printable(source) for source in broken_in(folder)}
    assert {printable(str(folder / QUADRANTS[0] / name)) for name in ("fifo.png", "device.png", "cut.png")} <= named
    assert len(answers) + len(faults) == len(load_data(folder))
    (error,) = [error for error in faults if "fifo" in str(error)]
    assert str(error).endswith("fifo.png: cannot be read (is a FIFO, not a regular file); repair or remove it")


def test_names_that_are_not_utf8_are_packed_byte_for_byte(folder: Path, tmp_path: Path) -> None:
    other = folder / os.fsdecode(b"caf\xe9")
    (folder / QUADRANTS[1]).rename(other)
    packed = pack(folder, tmp_path / "packed", shards=1).path
    shard = packed / "train-00000-of-00001"
    records = [decode_example(read_record(shard, start, length)) for start, length in find_records(shard).tolist()]
    assert b"caf\xe9.png" in {record["image/filename"] for record in records}
    assert b"caf\xe9" in {record["image/class/text"] for record in records}
    assert load_data(packed).class_names == load_data(folder).class_names
    metadata = Metadata(labels=load_data(folder).class_names)
    write_metadata(write_quadrants(tmp_path / "named.onnx"), metadata)
    assert Metadata.from_json(metadata.to_json()) == metadata


def test_more_than_the_limit_ends_the_run_and_leaves_nothing(folder: Path, network: Path, tmp_path: Path) -> None:
    for index in range(90):
        (folder / QUADRANTS[0] / f"more{index}.jpg").write_bytes(b"nothing")
    images = load_data(folder)
    for work in (
        lambda: evaluate(network, images),
        lambda: to_arrays(images, PLAIN),
        lambda: spread_arrays(images, PLAIN, len(images)),
        lambda: pack(folder, tmp_path / "packed", shards=1),
    ):
        with pytest.raises(TooManyUnreadableError, match="and 100 may be left out"):
            work()
    assert not (tmp_path / "packed").exists()
    assert len(pack(folder, tmp_path / "packed", shards=1, max_unreadable=200).unreadable) > 100
    result = evaluate(network, images, max_unreadable=200)
    assert accuracy_line(result).endswith(f"; {len(result.left_out)} unreadable images left out")


def test_only_broken_images_are_told_as_such(tmp_path: Path, network: Path) -> None:
    for name in QUADRANTS[:2]:
        (tmp_path / "images" / name).mkdir(parents=True)
        (tmp_path / "images" / name / "0.png").write_bytes(b"nothing")
    images = load_data(tmp_path / "images")
    runs: tuple[Callable[[], object], ...] = (
        lambda: evaluate(network, images),
        lambda: to_arrays(images, PLAIN),
        lambda: spread_arrays(images, PLAIN, 1),
    )
    for work in runs:
        with pytest.raises(SqnxtError, match="has no image that can be read"):
            work()


def test_an_image_of_the_output_folder_is_not_blamed_on_the_disk(folder: Path, tmp_path: Path) -> None:
    """A PNG whose end is missing made packing stop with the blame on the shard that was being written."""
    packed = pack(folder, tmp_path / "packed", shards=1)
    (line,) = [fault for source, fault in packed.unreadable.items() if source.endswith("cut.png")]
    assert "cut.png: cannot be read as an image" in line
    assert not (packed.path / "packing.json").exists()


def test_classify_counts_what_it_leaves_out(
    folder: Path, network: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(network.parent)
    with pytest.raises(SystemExit, match="2"):
        run(["classify", network.name, str(folder.relative_to(network.parent))])
    *errors, count = capfd.readouterr().err.splitlines()
    assert all(line.startswith("error: ") for line in errors)
    assert count == f"{len(errors)} images cannot be read or classified, and were left out"
