from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from sqnxt_tf.data.decoding import decode, read_image
from sqnxt_tf.data.likeness import alike_pairs
from sqnxt_tf.errors import SqnxtError
from sqnxt_tf.workflows.data_check import check_data
from sqnxt_tf.workflows.data_pack import pack


@pytest.fixture
def folder(tmp_path: Path, make_images: Any) -> Path:
    return make_images(tmp_path / "images", 5)  # type: ignore[no-any-return]


def found(folder: Path) -> list[tuple[str, str]]:
    return [(finding.kind, str(Path(finding.source).relative_to(folder))) for finding in check_data(folder).findings]


def test_nothing_is_wrong_with_plain_images(folder: Path) -> None:
    Image.new("L", (8, 8), 90).save(folder / "a" / "grey.png")
    Image.new("RGBA", (8, 8), (9, 8, 7, 90)).save(folder / "b" / "clear.webp")
    (folder / "a" / "notes.txt").write_text("no image, and none by its name")
    result = check_data(folder)
    assert result.findings == ()
    assert (result.images, result.classes, result.ignored) == (12, 2, 1)


def test_every_fault_is_found_and_named(folder: Path) -> None:
    a, b = folder / "a", folder / "b"
    whole = (a / "00.jpg").read_bytes()
    (a / "00.jpg").write_bytes(whole[: len(whole) // 2])
    (a / "01.jpg").write_bytes(b"")
    (a / "02.jpg").write_bytes(b"<html>not found</html>")
    Image.open(a / "03.jpg").convert("CMYK").save(a / "03.jpg")
    (b / "00.jpg").rename(b / "00.png")
    (b / "01.jpg").rename(b / "01.data")
    Image.open(a / "04.jpg").save(b / "other.png")  # the same pixels in another file
    assert sorted(found(folder)) == [
        ("CMYK", "a/03.jpg"),
        ("truncated", "a/00.jpg"),
        ("two classes", "b/other.png"),
        ("unreadable", "a/01.jpg"),
        ("unreadable", "a/02.jpg"),
        ("wrong extension", "b/00.png"),
        ("wrong extension", "b/01.data"),
    ]
    assert check_data(folder).counts == {
        "CMYK": 1, "truncated": 1, "two classes": 1, "unreadable": 2, "wrong extension": 2
    }  # fmt: skip


def test_the_same_picture_twice_in_one_class_is_no_fault(folder: Path) -> None:
    shutil.copy(folder / "a" / "00.jpg", folder / "a" / "copy.jpg")
    assert found(folder) == []


def test_an_image_that_claims_too_many_pixels_is_not_decoded(folder: Path) -> None:
    claim = bytearray((folder / "a" / "00.jpg").read_bytes())
    frame = claim.index(b"\xff\xc0")
    claim[frame + 5 : frame + 9] = b"\xff\xff\xff\xff"  # height and width
    (folder / "a" / "00.jpg").write_bytes(claim)
    (finding,) = check_data(folder).findings
    assert finding.kind == "unreadable"


def test_all_parts_of_a_divided_folder_are_looked_at(tmp_path: Path, make_images: Any) -> None:
    for split in ("train", "validation", "test"):
        make_images(tmp_path / "data" / split, 2)
    (tmp_path / "data" / "test" / "b" / "00.jpg").write_bytes(b"")
    result = check_data(tmp_path / "data")
    assert (result.images, result.classes) == (12, 2)
    places = sorted((finding.kind, Path(finding.source).parts[-3]) for finding in result.findings)
    assert places == [  # the parts have the same images
        *[("two parts", "test")] * 3, *[("two parts", "validation")] * 4, ("unreadable", "test")
    ]  # fmt: skip


def test_packed_images_are_checked_by_their_checksums(folder: Path, tmp_path: Path) -> None:
    shutil.copy(folder / "a" / "00.jpg", folder / "b" / "same.jpg")
    packed = pack(folder, tmp_path / "packed", shards=2).path
    (twice,) = check_data(packed).findings
    assert twice.kind == "two classes"
    shard = packed / "train-00000-of-00002"
    data = bytearray(shard.read_bytes())
    data[200] ^= 1
    shard.write_bytes(data)
    kinds = [finding.kind for finding in check_data(packed).findings]
    assert kinds[:2] == ["damaged shard", "unreadable"]


def test_a_shard_whose_chain_of_records_is_broken_is_named_and_the_others_are_looked_at(
    folder: Path, tmp_path: Path
) -> None:
    packed = pack(folder, tmp_path / "packed", shards=2).path
    broken = packed / "train-00001-of-00002"
    data = bytearray(broken.read_bytes())
    data[0] ^= 1
    broken.write_bytes(data)
    result = check_data(packed)
    (finding,) = result.findings
    assert (result.images, finding.kind, finding.source) == (5, "damaged shard", str(broken))
    assert finding.detail == f"is damaged at byte 0 of {len(data):,}, after 0 records"
    (packed / "train-00000-of-00002").write_bytes(b"")
    assert [finding.kind for finding in check_data(packed).findings] == ["damaged shard"] * 2


def test_nothing_to_check_is_told(tmp_path: Path) -> None:
    with pytest.raises(SqnxtError, match="is not a folder"):
        check_data(tmp_path / "nowhere")
    (tmp_path / "empty" / "a").mkdir(parents=True)
    with pytest.raises(SqnxtError, match="holds no images"):
        check_data(tmp_path / "empty")


def test_random_bytes_in_any_format_are_told_not_raised(folder: Path) -> None:
    random = np.random.default_rng(0)
    for suffix in ("bmp", "gif", "jpg", "png", "ppm", "tif", "webp"):
        Image.open(folder / "a" / "00.jpg").save(folder / "a" / f"picture.{suffix}")
    pictures = list(folder.rglob("picture.*"))
    for number in range(100):
        source = pictures[number % len(pictures)]
        data = np.frombuffer(source.read_bytes(), np.uint8).copy()
        data[random.integers(0, len(data), 20)] = random.integers(0, 256, 20)
        (folder / "b" / f"{number}{source.suffix}").write_bytes(data.tobytes()[: random.integers(1, len(data))])
    assert check_data(folder).images == 117


def divided(tmp_path: Path, make_images: Any) -> Path:
    """Return data of two parts whose images differ, since the second ones are mirrored."""
    make_images(tmp_path / "data" / "train", 5)
    for path in sorted((tmp_path / "data" / "train").rglob("*.jpg"))[::2]:
        other = tmp_path / "data" / "test" / path.relative_to(tmp_path / "data" / "train")
        other.parent.mkdir(parents=True, exist_ok=True)
        Image.open(path).transpose(Image.Transpose.FLIP_TOP_BOTTOM).save(other)
    return tmp_path / "data"


def test_what_is_tested_and_trained_on_is_found(tmp_path: Path, make_images: Any) -> None:
    folder = divided(tmp_path, make_images)
    assert check_data(folder).findings == ()
    shutil.copy(folder / "train" / "a" / "01.jpg", folder / "test" / "a" / "copy.jpg")
    large = Image.open(folder / "train" / "b" / "03.jpg")
    large.resize((large.width * 3, large.height * 3)).save(folder / "test" / "b" / "other.jpg", quality=60)
    assert sorted(found(folder)) == [("alike in two parts", "test/b/other.jpg"), ("two parts", "test/a/copy.jpg")]
    result = check_data(folder)
    assert result.balance == {"train": {"a": 5, "b": 5}, "test": {"a": 4, "b": 3}}
    assert result.near_duplicates == 1
    packed = check_data(pack(folder, tmp_path / "packed", shards=1).path)
    assert {"two parts", "alike in two parts"} <= {finding.kind for finding in packed.findings}


def test_two_that_look_alike_in_one_part_are_counted_and_no_fault(folder: Path) -> None:
    Image.open(folder / "a" / "00.jpg").resize((60, 45)).save(folder / "a" / "smaller.jpg")
    result = check_data(folder)
    assert (result.findings, result.near_duplicates) == ((), 1)
    assert result.balance == {"": {"a": 6, "b": 5}}


@given(st.lists(st.binary(min_size=32, max_size=32), max_size=12), st.integers(0, 256), st.integers(0, 3))
def test_alike_are_the_pairs_whose_hashes_differ_in_few_bits(hashes: list[bytes], most: int, block: int) -> None:
    table = np.frombuffer(b"".join(hashes), np.uint8).reshape(len(hashes), 32)
    due = {
        (one, other)
        for other in range(len(hashes))
        for one in range(other)
        if sum(np.unpackbits(table[one] ^ table[other])) <= most
    }
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("sqnxt_tf.data.likeness._BLOCK", block + 1)
        assert set(alike_pairs(table, most=most)) == due


def test_heic_is_named_with_what_to_install(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sqnxt_tf.data.decoding.data_formats", lambda: ("JPEG", "PNG"))
    (folder / "a" / "phone.heic").write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic")
    (finding,) = check_data(folder).findings
    assert finding.kind == "unreadable"
    assert "is HEIC, which pillow alone cannot read" in finding.detail
    path = folder / "a" / "phone.heic"
    with pytest.raises(SqnxtError, match="`pip install pillow-heif`"):
        decode(path.read_bytes(), str(path))


def test_heic_is_read_where_pillow_heif_is_installed(folder: Path) -> None:
    import pillow_heif

    image = Image.open(folder / "a" / "00.jpg")
    pillow_heif.from_pillow(image).save(folder / "a" / "phone.heic", quality=95)
    result = check_data(folder)
    assert (result.findings, result.images) == ((), 11)
    difference = np.abs(read_image(folder / "a" / "phone.heic").astype(int) - np.asarray(image).astype(int))
    assert difference.mean() < 10  # a small and colourful one loses that much
