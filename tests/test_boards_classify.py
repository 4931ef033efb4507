"""The C++ program for boards and phones prints the answers of `sqnxt-tf classify`."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from helpers.boards import build_classify, write_image_classifier
from sqnxt_export import ArtifactOptions, ExportSamples, Metadata, Preprocessing, export_model, write_metadata
from sqnxt_tf import classify

pytestmark = pytest.mark.slow

LABELS = ("ant", "a bee", 'quote" and \\', "Käfer", "日本", "𝄞 beyond 16 bits", "tab\tand\nline")
WIDE = Preprocessing(
    height=18, width=30, channels=3, resize="short_side_crop", mean=(123.0, 117.0, 104.5), scale=(58.0, 57.5, -61.0)
)
GREY = Preprocessing(height=17, width=12, channels=1, resize="stretch", mean=(127.5,), scale=(127.5,))
KINDS: dict[str, tuple[Preprocessing, dict[str, bool]]] = {
    "crop": (WIDE, {}),
    "stretched": (replace(WIDE, resize="stretch"), {"free": True}),
    "grey": (GREY, {"softmax": True}),
    "pixels": (WIDE.raw(), {"pixels": True}),
}
SIZES = ((30, 18), (12, 17), (301, 200), (200, 301), (1, 1), (7, 64), (640, 480), (31, 18))


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_classify(tmp_path_factory.mktemp("build"))


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Return noise in several sizes, each as a PNG file for Python with the raw pixels beside it."""
    folder, random = tmp_path_factory.mktemp("pictures"), np.random.default_rng(1)
    for width, height in SIZES:
        pixels = random.integers(0, 256, (height, width, 3), np.uint8)
        Image.fromarray(pixels).save(folder / f"{width}x{height}.png")
        (folder / f"{width}x{height}.rgb").write_bytes(pixels.tobytes())
    return [folder / f"{width}x{height}.png" for width, height in SIZES]


def run(program: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([program, *map(str, arguments)], capture_output=True, text=True, check=False)


def answers(program: Path, model: Path, picture: Path) -> list[tuple[str, float]]:
    done = run(program, model, picture.with_suffix(".rgb"), *picture.stem.split("x"))
    assert (done.returncode, done.stderr) == (0, "")
    lines = [line.split(" %  ", 1) for line in done.stdout.splitlines()]
    return [(label, float(percent)) for percent, label in lines]


def check_answers(program: Path, model: Path, pictures: list[Path], *, percent: float) -> None:
    for answer, picture in zip(classify(model, pictures), pictures, strict=True):
        found = answers(program, model, picture)
        wanted = [
            ("".join("?" if ord(letter) < 32 else letter for letter in label), 100 * chance)
            for label, chance in answer.top
        ]
        assert [label for label, _ in found] == [label for label, _ in wanted], picture.name
        np.testing.assert_allclose([chance for _, chance in found], [chance for _, chance in wanted], atol=percent)


@pytest.mark.parametrize("kind", KINDS)
def test_it_sees_what_classify_sees(program: Path, pictures: list[Path], tmp_path: Path, kind: str) -> None:
    """Check every way of preparing an image, with pictures that are smaller, larger, and of the input's own size."""
    preprocessing, options = KINDS[kind]
    model = write_image_classifier(tmp_path / "net.onnx", preprocessing, LABELS, **options)
    check_answers(program, model, pictures, percent=1e-3)  # it prints four digits


def test_every_precision_of_export_runs(program: Path, pictures: list[Path], tmp_path: Path) -> None:
    import tf_keras as keras

    keras.utils.set_random_seed(4)
    image = keras.layers.Input((18, 30, 3), name="image")
    x = keras.layers.Conv2D(4, 3, strides=2, activation="relu", name="conv")(image)
    model = keras.Model(image, keras.layers.Dense(7, name="fc")(keras.layers.Flatten(name="flat")(x)), name="net")
    metadata = Metadata(network="tiny", labels=LABELS, preprocessing=WIDE)
    random = np.random.default_rng(0).integers(0, 256, (32, 18, 30, 3), np.uint8)
    kinds: dict[str, dict[str, Any]] = {kind: {"precision": kind} for kind in ("float32", "float16", "int16", "int8")}
    for name, options in (kinds | {"pixels": {"embed_preprocessing": True}}).items():
        prepare = WIDE.raw() if "embed_preprocessing" in options else WIDE
        samples = ExportSamples(parity=prepare.apply(random), calibration=prepare.apply(random))
        path = tmp_path / f"{name}.onnx"
        export_model(model, path, ArtifactOptions(format="onnx", **options), samples, metadata=metadata)
        check_answers(program, path, pictures, percent=0.05)


def test_what_it_cannot_use_is_one_line_with_the_remedy(program: Path, pictures: list[Path], tmp_path: Path) -> None:
    model = write_image_classifier(tmp_path / "net.onnx", WIDE, LABELS)
    picture = pictures[0].with_suffix(".rgb")
    (tmp_path / "text.onnx").write_text("no model")
    other = tmp_path / "other.onnx"
    other.write_bytes(model.read_bytes())
    write_metadata(other, Metadata(labels=LABELS, preprocessing=replace(WIDE, height=19)))
    silent = tmp_path / "silent.onnx"
    silent.write_bytes(model.read_bytes())
    write_metadata(silent, Metadata(labels=LABELS))
    for arguments, fault in (
        ((model, picture, 31, 18), "has 1620 bytes, and 31x18 pixels of RGB have 1674; give its own size"),
        ((model, tmp_path / "nowhere.rgb", 30, 18), "cannot be read; check the path"),
        ((model, picture, "3x", 18), "WIDTH: 3x is not a number of 1 to 65535"),
        ((tmp_path / "text.onnx", picture, 30, 18), "onnxruntime cannot use it"),
        ((other, picture, 30, 18), "does not take one image of the size that its metadata say"),
        ((silent, picture, 30, 18), "its metadata cannot be used"),
        ((model,), "usage: classify MODEL.onnx IMAGE.rgb WIDTH HEIGHT [THREADS]"),
    ):
        done = run(program, *arguments)
        assert (done.returncode, done.stdout) == (2, ""), done
        assert fault in done.stderr
        assert done.stderr.count("\n") == 1
