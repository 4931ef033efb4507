"""The session options with which onnxruntime runs a graph, none of which changes the logits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from sqnxt_export import ExportError, compare_outputs, open_model, quantise_onnx, to_onnx
from sqnxt_export.convert.to_onnx import checked
from sqnxt_export.quantise.calibration import calibrate
from sqnxt_export.quantise.qdq import to_int8

FAST = {"session.disable_quant_qdq": "1", "enable_mem_reuse": "0"}


@pytest.mark.parametrize("precision", ["float32", "float16", "int16", "int8"])
def test_only_16_bit_graphs_get_options_and_the_runner_tells(
    models: Any, images: Any, tmp_path: Path, precision: str
) -> None:
    path = tmp_path / "net.onnx"
    onnx.save(checked(quantise_onnx(to_onnx(models["squeezenext_like"]), precision, images)), path)
    assert dict(open_model(path).options) == (FAST if precision == "int16" else {})
    assert dict(open_model(path, options={}).options) == {}


def test_graphs_of_both_widths_keep_their_8_bit_fusions(models: Any, images: Any, tmp_path: Path) -> None:
    graph = to_onnx(models["squeezenext_like"])
    onnx.save(to_int8(graph, calibrate(graph, images), frozenset({"head"})), tmp_path / "net.onnx")
    assert dict(open_model(tmp_path / "net.onnx").options) == {}


@pytest.mark.parametrize("network", ["squeezenext_like", "alexnet_like", "mobilenet_like"])
def test_int16_is_within_its_threshold_with_the_options_and_without(
    models: Any, images: Any, tmp_path: Path, network: str
) -> None:
    path = tmp_path / "net.onnx"
    onnx.save(checked(quantise_onnx(to_onnx(models[network]), "int16", images[:12])), path)
    reference = models[network](images[12:]).numpy()
    fast, plain = (open_model(path, options=options).run(images[12:]) for options in (None, {}))
    for logits in (fast, plain):
        assert compare_outputs(reference, logits, "int16").passed
    assert np.abs(fast - plain).max() < 1e-4 * np.abs(reference).max()


def test_options_are_onnxruntimes(files: dict[str, Path]) -> None:
    with pytest.raises(ExportError, match="session options are onnxruntime's"):
        open_model(files["tflite"], options=FAST)
    assert dict(open_model(files["tflite"]).options) == {}
