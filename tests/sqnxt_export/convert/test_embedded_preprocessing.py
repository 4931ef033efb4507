"""Artifacts that take raw pixels and do the arithmetic of preprocessing themselves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from sqnxt_export import (
    EMBEDDED,
    PARITY,
    ArtifactOptions,
    ExportError,
    ExportSamples,
    Metadata,
    Preprocessing,
    export_model,
    open_model,
    read_metadata,
)

KINDS = [
    *(("onnx", precision) for precision in ("float32", "float16", "int16", "int8")),
    *(("tflite", precision) for precision in ("float32", "float16", "int16x8", "int8")),
]
PREPROCESSING = Preprocessing(
    height=19, width=19, channels=3, resize="stretch", mean=(120.0, 110.0, 100.0), scale=(60.0, 70.0, 80.0)
)
METADATA = Metadata(preprocessing=PREPROCESSING, extra={"origin": "a test"})


@pytest.fixture(scope="module")
def pixels(images: Any) -> Any:
    """Return uint8 images, [24, 19, 19, 3]."""
    return np.round((images + 1) * 127.5).astype(np.uint8)


def _export(
    models: Any,
    pixels: Any,
    path: Path,
    precision: str,
    *,
    batch: int | None = 1,
    metadata: Metadata | None = METADATA,
) -> Any:
    options = ArtifactOptions(format=path.suffix[1:], precision=precision, batch=batch, embed_preprocessing=True)
    samples = ExportSamples(parity=pixels[12:], calibration=pixels[:12])
    return export_model(models["squeezenext_like"], path, options, samples, metadata=metadata)


@pytest.mark.parametrize(("format", "precision"), KINDS)
def test_pixels_in_and_the_models_logits_out(
    models: Any, pixels: Any, tmp_path: Path, format: str, precision: str
) -> None:
    path = tmp_path / f"net.{format}"
    result = _export(models, pixels, path, precision)
    runner = open_model(path)
    assert runner.takes_pixels
    expected = models["squeezenext_like"](PREPROCESSING.normalise(pixels[12:])).numpy()
    for images in (pixels[12:], pixels[12:].astype(np.float32)):
        difference = np.abs(runner.run(images) - expected).max() / np.abs(expected).max()
        assert difference == pytest.approx(result.parity.max_rel_diff, rel=1e-3, abs=1e-6)
    assert difference < {"float32": 1e-5, "float16": 5e-3, "int16": 1e-3}.get(precision, 0.1)


@pytest.mark.parametrize("format", ["onnx", "tflite"])
def test_metadata_say_that_no_arithmetic_is_left(models: Any, pixels: Any, tmp_path: Path, format: str) -> None:
    path = tmp_path / f"net.{format}"
    _export(models, pixels, path, "float32")
    metadata = read_metadata(path)
    assert metadata is not None
    assert metadata.preprocessing == PREPROCESSING.raw()
    assert {name: value for name, value in metadata.extra.items() if name != PARITY} == {
        "origin": "a test",
        EMBEDDED: {"mean": [120.0, 110.0, 100.0], "scale": [60.0, 70.0, 80.0]},
    }
    # So code that prepares images by the metadata feeds the artifact pixels.
    prepared = metadata.preprocessing.apply(pixels[12:])
    np.testing.assert_array_equal(open_model(path).run(prepared), open_model(path).run(pixels[12:]))


@pytest.mark.parametrize("batch", [1, 4, None])
def test_the_onnx_graph_has_one_transpose(models: Any, pixels: Any, tmp_path: Path, batch: int | None) -> None:
    _export(models, pixels, tmp_path / "net.onnx", "int8", batch=batch)
    graph = onnx.load(tmp_path / "net.onnx").graph
    (image,) = graph.input
    shape = [dim.dim_value or dim.dim_param for dim in image.type.tensor_type.shape.dim]
    assert (image.name, image.type.tensor_type.elem_type) == ("input", onnx.TensorProto.UINT8)
    assert shape == [batch or "batch", 19, 19, 3]
    assert [node.op_type for node in graph.node][:5] == ["Cast", "Sub", "Div", "Transpose", "QuantizeLinear"]
    assert [node.op_type for node in graph.node].count("Transpose") == 1
    assert open_model(tmp_path / "net.onnx").run(pixels[:3]).shape == (3, 10)


def test_nothing_is_added_for_arithmetic_that_does_nothing(models: Any, pixels: Any, tmp_path: Path) -> None:
    metadata = Metadata(preprocessing=PREPROCESSING.raw())
    for name in ("net.onnx", "net.tflite"):
        _export(models, pixels, tmp_path / name, "float32", metadata=metadata)
    ops = [node.op_type for node in onnx.load(tmp_path / "net.onnx").graph.node]
    assert ops[:3] == ["Cast", "Transpose", "Conv"]


def test_values_that_are_no_pixels_are_refused(models: Any, images: Any, pixels: Any, tmp_path: Path) -> None:
    for name in ("net.onnx", "net.tflite"):
        _export(models, pixels, tmp_path / name, "float32")
        runner = open_model(tmp_path / name)
        for wrong in (images, pixels - 300.0, np.full((1, 19, 19, 3), np.nan)):
            with pytest.raises(ExportError, match="leave the preprocessing to it"):
                runner.run(wrong)
        assert runner.run(runner.noise(2)).shape == (2, 10)


def test_there_must_be_something_to_embed(models: Any, pixels: Any, tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="the metadata describe no preprocessing; set"):
        _export(models, pixels, tmp_path / "net.onnx", "float32", metadata=None)
