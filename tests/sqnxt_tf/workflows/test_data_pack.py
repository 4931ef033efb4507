from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from helpers.commands import cli_command
from sqnxt_tf.data.data_source import DataSource, load_data
from sqnxt_tf.data.examples import decode
from sqnxt_tf.data.records import find_records, read_record
from sqnxt_tf.data.unreadable import TooManyUnreadableError
from sqnxt_tf.errors import SqnxtError
from sqnxt_tf.workflows import data_pack as module
from sqnxt_tf.workflows.data_pack import pack


@pytest.fixture
def folder(tmp_path: Path, make_images: Any) -> Path:
    return make_images(tmp_path / "images", 8)  # type: ignore[no-any-return]


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def records(path: Path) -> list[dict[str, bytes | int]]:
    return [decode(read_record(path, start, length)) for start, length in find_records(path).tolist()]


def test_files_go_into_records_as_they_are_in_the_usual_layout(folder: Path, tmp_path: Path) -> None:
    packed = pack(folder, tmp_path / "packed", shards=3)
    assert packed.images == {"train": 16}
    names = [f"train-{number:05d}-of-00003" for number in range(3)]
    assert sorted(contents(packed.path)) == ["dataset.json", *names]
    found = [record for name in names for record in records(packed.path / name)]
    files = {path.read_bytes(): path for path in folder.rglob("*.jpg")}
    for record in found:
        path = files.pop(record["image/encoded"])  # type: ignore[arg-type]
        assert record["image/class/text"] == path.parent.name.encode()
        assert record["image/class/label"] == {"a": 1, "b": 2}[path.parent.name]
        assert record["image/filename"] == path.name.encode()
        assert (record["image/height"], record["image/width"], record["image/format"]) == (30, 40, b"JPEG")
    assert not files


def test_shards_are_even_mixed_and_summed(folder: Path, tmp_path: Path) -> None:
    packed = pack(folder, tmp_path / "packed", shards=2).path
    document = json.loads((packed / "dataset.json").read_text())
    assert document["class_names"] == ["a", "b"]
    for name, shard in document["shards"].items():
        data = (packed / name).read_bytes()
        assert shard == {"images": 8, "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        assert len({record["image/class/label"] for record in records(packed / name)}) == 2


def test_the_seed_alone_decides_what_is_written(folder: Path, tmp_path: Path) -> None:
    first, same, other = (
        contents(pack(folder, tmp_path / name, seed=seed).path) for name, seed in (("1", 1), ("2", 1), ("3", 2))
    )
    assert first == same
    assert first != other


@pytest.mark.parametrize("mode", ["CMYK", "RGBA", "P", "LA", "turned"])
def test_what_other_readers_would_take_for_something_else_becomes_png(tmp_path: Path, mode: str) -> None:
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 256, (9, 12, 3), np.uint8))
    for name in "ab":
        (tmp_path / "images" / name).mkdir(parents=True)
        if mode == "turned":
            exif = picture.getexif()
            exif[0x0112] = 6
            picture.save(tmp_path / "images" / name / "0.jpg", exif=exif)
        else:
            picture.convert(mode).save(tmp_path / "images" / name / ("0.jpg" if mode == "CMYK" else "0.png"))
    packed = pack(tmp_path / "images", tmp_path / "packed", shards=1).path
    assert {record["image/format"] for record in records(packed / "train-00000-of-00001")} == {b"PNG"}
    np.testing.assert_array_equal(load_data(str(packed)).image(0), load_data(str(tmp_path / "images")).image(0))


def test_a_divided_folder_keeps_its_parts(tmp_path: Path, make_images: Any) -> None:
    for split, count in (("train", 9), ("val", 2)):
        make_images(tmp_path / "data" / split, count)
    packed = pack(tmp_path / "data", tmp_path / "packed")
    assert packed.images == {"train": 18, "validation": 4}
    assert len(DataSource.parse(str(packed.path)).encoded_part("train")) == 18
    assert len(DataSource.parse(str(packed.path)).encoded_part("test")) == 4


def test_unreadable_images_are_left_out_up_to_a_limit(folder: Path, tmp_path: Path) -> None:
    for index in range(3):
        (folder / "a" / f"{index:02d}.jpg").write_bytes(b"nothing")
    packed = pack(folder, tmp_path / "packed", max_unreadable=3)
    assert packed.images == {"train": 13}
    assert [Path(source).name for source in sorted(packed.unreadable)] == ["00.jpg", "01.jpg", "02.jpg"]
    with pytest.raises(TooManyUnreadableError, match=r"00\.jpg.*01\.jpg.*02\.jpg"):
        pack(folder, tmp_path / "strict", max_unreadable=2)


def test_a_run_that_failed_goes_on_where_it_stood(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "a" / "00.jpg").write_bytes(b"nothing")
    whole = pack(folder, tmp_path / "whole", shards=5)
    calls: list[str] = []
    write_shard = module._Writer._write_shard

    def failing(self: Any, name: str, *rest: Any) -> Any:
        calls.append(name)
        if len(calls) == 3:
            raise OSError(28, "No space left on device", name)
        return write_shard(self, name, *rest)

    monkeypatch.setattr(module._Writer, "_write_shard", failing)
    with pytest.raises(OSError, match="No space left"):
        pack(folder, tmp_path / "packed", shards=5)
    with pytest.raises(SqnxtError, match=r"holds an unfinished run of other settings \(shards\)"):
        pack(folder, tmp_path / "packed", shards=4)
    resumed = pack(folder, tmp_path / "packed", shards=5)
    assert calls[2:] == [f"train-{number:05d}-of-00005" for number in (2, 2, 3, 4)]
    assert contents(resumed.path) == contents(whole.path)
    assert resumed.unreadable == whole.unreadable


def test_a_changed_folder_is_not_gone_on_with(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as failing:
        failing.setattr(module._Writer, "write_part", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            pack(folder, tmp_path / "packed")
    (folder / "a" / "00.jpg").unlink()
    with pytest.raises(SqnxtError, match=r"unfinished run of other settings \(files\)"):
        pack(folder, tmp_path / "packed")
    assert pack(folder, tmp_path / "packed", force=True).images == {"train": 15}


def test_a_folder_that_holds_something_is_kept(folder: Path, tmp_path: Path) -> None:
    packed = pack(folder, tmp_path / "packed", shards=2).path
    with pytest.raises(SqnxtError, match="is not empty"):
        pack(folder, packed, shards=2)
    (packed / "notes.txt").write_text("mine")
    pack(folder, packed, shards=1, force=True)
    assert sorted(contents(packed)) == ["dataset.json", "notes.txt", "train-00000-of-00001"]
    with pytest.raises(SqnxtError, match="is not a folder of images"):
        pack(packed, tmp_path / "again")


@pytest.mark.slow
def test_a_run_killed_at_any_moment_ends_as_if_it_had_not_been(tmp_path: Path, make_images: Any) -> None:
    folder = make_images(tmp_path / "images", 150, size=(300, 200))
    whole = contents(pack(folder, tmp_path / "whole", shards=20).path)
    command = cli_command("data", "pack", folder, "-o", tmp_path / "packed")
    random, kills = np.random.default_rng(0), 0
    for attempt in range(100):
        began, state = time.time(), tmp_path / "packed" / "packing.json"
        process = subprocess.Popen([*command, "--shards", "20", "-q"], stdout=subprocess.DEVNULL)
        while process.poll() is None and not (state.exists() and state.stat().st_mtime > began):
            time.sleep(0.01)
        time.sleep(random.uniform(0, 0.02 * (1 + attempt)))  # some shards on any machine, and not all of them
        if process.poll() is None:
            os.kill(process.pid, signal.SIGKILL)
            kills += 1
        if process.wait() == 0 or ((tmp_path / "packed" / "dataset.json").exists() and not state.exists()):
            break  # the last step of all was taken, if not its exit
        finished = [path for path in (tmp_path / "packed").iterdir() if path.name.startswith("train-")]
        assert all(path.read_bytes() == whole[path.name] for path in finished)
    assert kills >= 3
    assert contents(tmp_path / "packed") == whole
