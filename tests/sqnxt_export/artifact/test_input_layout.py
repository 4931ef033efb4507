"""The layout of an image is read from the operators that use it, never guessed from its sides."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import helper

from helpers.onnx_graphs import floats, make_onnx
from sqnxt_export import open_model, to_tflite
from sqnxt_export.artifact.input_layout import onnx_input_layout, tflite_input_layout

_CONV = helper.make_node("Conv", ["image", "w"], ["y"])
_SCALED = [helper.make_node("Cast", ["x"], ["f"], to=1), helper.make_node("Mul", ["f", "s"], ["image"])]


def _transposed(permutation: list[int]) -> list[Any]:
    return [helper.make_node("Transpose", ["x"], ["image"], perm=permutation), _CONV]


@pytest.mark.parametrize(
    ("nodes", "shape", "layout"),
    [
        ([helper.make_node("Conv", ["x", "w"], ["y"])], [1, 3, 32, 32], "NCHW"),
        ([*_SCALED, _CONV], [1, 3, 32, 3], "NCHW"),
        (_transposed([0, 3, 1, 2]), [1, 3, 32, 3], "NHWC"),
        ([helper.make_node("Transpose", ["x"], ["y"], perm=[0, 2, 3, 1])], [1, 3, 32, 3], "NCHW"),
        ([helper.make_node("MaxPool", ["x"], ["y"], kernel_shape=[2, 2])], [1, 32, 3, 3], "NCHW"),
        ([helper.make_node("Flatten", ["x"], ["y"])], [1, 3, 32, 32], None),
    ],
)
def test_operators_tell(nodes: list[Any], shape: list[int], layout: str | None) -> None:
    model = make_onnx(nodes, shape, [("w", floats(4, 3, 1, 1)), ("s", np.float32(2))])
    assert onnx_input_layout(model, "x") == layout


def test_a_foreign_graph_with_channels_last_runs_as_it_is(tmp_path: Path) -> None:
    """Its image of 3x5 pixels with 3 channels looks as if the channels came first."""
    nodes = [*_transposed([0, 3, 1, 2])]
    onnx.save(make_onnx(nodes, [1, 3, 5, 3], [("w", floats(4, 3, 1, 1))]), tmp_path / "a.onnx")
    runner = open_model(tmp_path / "a.onnx")
    assert (runner.input_shape, runner.layout, runner.layout_known) == ((3, 5, 3), "NHWC", True)


def test_a_layout_that_nothing_tells_can_be_asked_for(tmp_path: Path) -> None:
    onnx.save(make_onnx([helper.make_node("Flatten", ["x"], ["y"])], [1, 3, 4, 5], output_rank=2), tmp_path / "a.onnx")
    assert not open_model(tmp_path / "a.onnx").layout_known
    for layout, shape in (("NCHW", (4, 5, 3)), ("NHWC", (3, 4, 5))):
        runner = open_model(tmp_path / "a.onnx", layout=layout)
        assert (runner.input_shape, runner.layout_known) == (shape, True)


def test_tflite_files_are_channels_last_unless_they_transpose(models: Any, tmp_path: Path) -> None:
    import tf_keras as keras

    (tmp_path / "last.tflite").write_bytes(to_tflite(models["alexnet_like"], "float32"))
    assert tflite_input_layout(tmp_path / "last.tflite") == "NHWC"
    image = keras.Input((3, 8, 6))
    x = keras.layers.Conv2D(4, 3)(keras.layers.Permute((2, 3, 1))(image))
    model = keras.Model(image, keras.layers.GlobalAveragePooling2D()(x))
    path = tmp_path / "first.tflite"
    path.write_bytes(to_tflite(model, "float32"))
    assert tflite_input_layout(path) == "NCHW"
    runner = open_model(path)
    assert (runner.input_shape, runner.layout) == ((8, 6, 3), "NCHW")
    images = np.random.default_rng(0).normal(size=(2, 8, 6, 3)).astype(np.float32)
    np.testing.assert_allclose(runner.run(images), model(images.transpose(0, 3, 1, 2)).numpy(), atol=1e-5)
