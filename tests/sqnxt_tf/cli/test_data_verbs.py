"""`data pack` and `data check` as commands."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def folder(tmp_path: Path, make_images: Any) -> Path:
    return make_images(tmp_path / "images", 4)  # type: ignore[no-any-return]


def test_images_are_checked_packed_and_checked_again(cli: Any, folder: Path) -> None:
    clean = cli("data", "check", folder)
    assert (clean.code, clean.out.splitlines()) == (
        0, ["images of a class: 4 each; 0 pairs look alike", f"{folder}: 8 images of 2 classes; no problems"]
    )  # fmt: skip
    (folder / "a" / "00.jpg").write_bytes(b"nothing")
    faulty = cli("data", "check", folder, "--json")
    assert faulty.code == 1
    document = json.loads(faulty.out)
    assert document["counts"] == {"unreadable": 1}
    assert document["findings"] == [
        {
            "source": str(folder / "a" / "00.jpg"),
            "kind": "unreadable",
            "detail": "cannot be read as an image (no image of a known format)",
        }
    ]
    assert "unreadable   " in cli("data", "check", folder).out
    packed = cli("data", "pack", folder, "-o", "packed", "--shards", 2, "--json")
    assert "00.jpg: cannot be read as an image" in packed.err
    document = packed.json()
    assert {key: document[key] for key in ("path", "images", "shards", "unreadable")} == {
        "path": "packed",
        "images": {"train": 7},
        "shards": 2,
        "unreadable": [str(folder / "a" / "00.jpg")],
    }
    assert cli("data", "check", "packed").code == 0


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        (["data", "check", "nowhere"], "nowhere: is not a folder"),
        (["data", "check", "digits"], "digits: is not a folder; give one with a sub-folder a class"),
        (["data", "pack", "nowhere", "-o", "out"], "nowhere: is not a folder"),
        (["data", "pack", "images", "-o", "images/a/00.jpg"], "is a file; give the name of a folder"),
        (["data", "pack", "images", "-o", "images"], "is not empty"),
        (["data", "pack", "images"], "Missing option '-o'"),
        (["data", "pack", "images", "-o", "out", "--shards", "0"], "--shards"),
        (["data", "pack", "images", "-o", "no/such/place"], ""),
        (["data", "repair"], "No such command 'repair'"),
    ],
)
def test_bad_input_ends_in_one_line(cli: Any, folder: Path, arguments: list[str], fault: str) -> None:
    answer = cli(*arguments)
    if fault:
        assert fault in answer.error_line()
    else:
        assert answer.code == 0  # folders on the way are made


def test_an_unlabelled_folder_of_shards_is_told(cli: Any, tmp_path: Path) -> None:
    (tmp_path / "shards").mkdir()
    (tmp_path / "shards" / "train-00000-of-00001").write_bytes(b"")
    assert "write labels.txt beside the shards" in cli("data", "check", "shards").error_line()
