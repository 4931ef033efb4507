from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sqnxt_tf.data.data_source import DataSource, load_data
from sqnxt_tf.data.folders import image_folder, read_image
from sqnxt_tf.errors import SqnxtError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, colour in (("cat", "red"), ("dog", "blue")):
        (tmp_path / name).mkdir()
        for index in range(2):
            Image.new("RGB", (6, 4), colour).save(tmp_path / name / f"{index}.png")
    (tmp_path / "cat" / "notes.txt").write_text("not an image")
    return tmp_path


def test_sub_folders_are_the_classes(folder: Path) -> None:
    images = image_folder(folder)
    assert images.class_names == ("cat", "dog")
    assert images.labels.tolist() == [0, 0, 1, 1]
    np.testing.assert_array_equal(images.image(3)[0, 0], [0, 0, 255])


@pytest.mark.parametrize("mode", ["L", "RGBA", "CMYK", "P", "1", "LA"])
def test_any_mode_becomes_rgb(tmp_path: Path, mode: str) -> None:
    path = tmp_path / ("image.tif" if mode == "CMYK" else "image.png")
    Image.new("RGB", (5, 3), "white").convert(mode).save(path)
    assert read_image(path).shape == (3, 5, 3)
    assert read_image(path).min() == 255


def test_deep_greys_are_scaled_and_transparency_is_white(tmp_path: Path) -> None:
    deep = np.arange(0, 65536, 4096, dtype=np.uint16).reshape(4, 4)
    Image.fromarray(deep).save(tmp_path / "deep.png")
    np.testing.assert_array_equal(read_image(tmp_path / "deep.png")[..., 0], deep >> 8)
    Image.new("RGBA", (2, 2), (255, 0, 0, 0)).save(tmp_path / "clear.png")
    assert read_image(tmp_path / "clear.png").min() == 255
    Image.fromarray(np.zeros((2, 2), np.float32)).save(tmp_path / "float.tif")
    with pytest.raises(SqnxtError, match="have no defined white"):
        read_image(tmp_path / "float.tif")


def test_an_undivided_folder_has_no_parts(folder: Path) -> None:
    assert len(load_data(str(folder))) == 4
    with pytest.raises(SqnxtError, match="is not divided"):
        load_data(str(folder), "train")


def test_exif_rotation_is_followed(tmp_path: Path) -> None:
    image = Image.new("RGB", (6, 4))
    exif = image.getexif()
    exif[0x0112] = 6  # turned by a quarter
    image.save(tmp_path / "turned.jpg", exif=exif)
    assert read_image(tmp_path / "turned.jpg").shape == (6, 4, 3)


def test_a_broken_image_is_named(tmp_path: Path) -> None:
    Image.new("RGB", (64, 64)).save(tmp_path / "broken.jpg")
    whole = (tmp_path / "broken.jpg").read_bytes()
    (tmp_path / "broken.jpg").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(SqnxtError, match=r"broken\.jpg: cannot be read as an image"):
        read_image(tmp_path / "broken.jpg")


def test_what_is_no_data_set_is_refused(tmp_path: Path, folder: Path) -> None:
    for load in (load_data, lambda name: DataSource.parse(name).parts()):
        with pytest.raises(SqnxtError, match="is not a folder"):
            load(str(tmp_path / "nowhere"))
    (tmp_path / "empty").mkdir()
    with pytest.raises(SqnxtError, match="holds no images"):
        load_data(str(tmp_path / "empty"))
    with pytest.raises(SqnxtError, match="no sub-folder train and no validation"):
        DataSource.parse(str(folder)).parts()


def test_a_file_too_large_for_an_image_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "huge.jpg").open("wb") as file:
        file.truncate(2**40)
    with pytest.raises(SqnxtError, match=r"huge\.jpg: has 1,099,511,627,776 bytes"):
        read_image(tmp_path / "huge.jpg")
