"""Integer inputs and outputs of int8 artifacts: the same answers, in the types that microcontrollers and NPUs want."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from sqnxt_export import ArtifactOptions, Budget, ExportError, ExportSamples, export_model, open_model
from sqnxt_export.artifact.tflite_file import read_tflite

NETWORK = "mobilenet_like"


def _export(models: Any, images: Any, path: Path, budget: Budget | None = None, **settings: Any) -> Any:
    options = ArtifactOptions(format=path.suffix[1:], precision="int8", **settings)
    samples = ExportSamples(parity=images[12:], calibration=images[:12], budget=budget)
    return export_model(models[NETWORK], path, options, samples)


@pytest.mark.parametrize("format", ["onnx", "tflite"])
def test_integers_at_the_borders_change_the_answers_by_one_step_at_most(
    models: Any, images: Any, tmp_path: Path, format: str
) -> None:
    _export(models, images, tmp_path / f"float.{format}")
    wanted = open_model(tmp_path / f"float.{format}").run(images[12:])
    answers = {}
    for io in ("int8", "uint8"):
        path = tmp_path / f"{io}.{format}"
        assert _export(models, images, path, io=io).parity.passed
        runner = open_model(path)
        assert runner.stored_types == (io, io)
        assert not runner.takes_pixels
        answers[io] = runner.run(images[12:])
        border = runner.borders[runner.outputs[0].name]
        assert np.abs(answers[io] - np.clip(wanted, *border.range)).max() <= border.scale
    np.testing.assert_array_equal(answers["int8"], answers["uint8"])


def test_no_float_tensor_is_left_in_a_tflite_file(models: Any, images: Any, tmp_path: Path) -> None:
    _export(models, images, tmp_path / "a.tflite", io="int8")
    assert {tensor.kind.name for tensor in read_tflite(tmp_path / "a.tflite").tensors} <= {"int8", "int32"}


def test_a_graph_with_a_free_batch_and_an_opset_of_its_own(models: Any, images: Any, tmp_path: Path) -> None:
    _export(models, images, tmp_path / "a.onnx", io="uint8", batch=None, opset=17)
    model = onnx.load(tmp_path / "a.onnx")
    assert (model.opset_import[0].version, model.ir_version) == (17, 8)
    kinds = [value.type.tensor_type.elem_type for value in (*model.graph.input, *model.graph.output)]
    assert kinds == [onnx.TensorProto.UINT8] * 2
    assert not [node for node in model.graph.node if node.op_type == "QuantizeLinear" and node.input[0] == "input"]
    assert open_model(tmp_path / "a.onnx").run(images[:3]).shape == (3, 10)


def test_a_budget_is_judged_with_the_borders_that_ship(models: Any, images: Any, tmp_path: Path) -> None:
    labels = models[NETWORK](images).numpy().argmax(axis=1).astype(np.int64)
    budget = Budget(images=images, labels=labels, max_drop=0.0)
    result = _export(models, images, tmp_path / "a.onnx", budget, io="int8")
    answers = open_model(tmp_path / "a.onnx").run(images).argmax(axis=1)
    assert result.accuracy.artifact_top1 == np.mean(answers == labels)


def test_what_has_no_integers_at_its_borders_says_so() -> None:
    for settings, words in (
        ({"precision": "float16", "io": "int8"}, "float16 artifacts take and return float32"),
        ({"precision": "int8", "io": "int4"}, "unknown; use one of float32, int8, uint8"),
        ({"precision": "int8", "io": "uint8", "embed_preprocessing": True}, "takes raw pixels"),
    ):
        with pytest.raises(ExportError, match=words):
            ArtifactOptions(format="tflite", **settings)  # type: ignore[arg-type]
