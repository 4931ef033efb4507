"""What a written ONNX file says of intermediate tensors: nothing that shape inference says again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from helpers.onnx_graphs import make_onnx
from sqnxt_export import ArtifactOptions, ExportSamples, Metadata, Preprocessing, export_model, to_onnx
from sqnxt_export.artifact.onnx_file import without_inferred_shapes


def _described(model: onnx.ModelProto) -> dict[str, onnx.ValueInfoProto]:
    return {value.name: value for value in model.graph.value_info}


@pytest.mark.parametrize("network", ["squeezenext_like", "alexnet_like", "mobilenet_like"])
@pytest.mark.parametrize("batch", [1, None])
def test_inference_gives_back_what_is_left_out(models: Any, network: str, batch: int | None) -> None:
    described = to_onnx(models[network], batch=batch)
    bare = without_inferred_shapes(to_onnx(models[network], batch=batch))
    assert described.graph.value_info
    assert not bare.graph.value_info
    assert _described(onnx.shape_inference.infer_shapes(bare)) == _described(described)


def test_what_no_inference_gives_is_kept() -> None:
    """Nodes of another domain have no schema, and a shape that contradicts inference is not for this function."""
    nodes = [helper.make_node("Own", ["x"], ["a"], domain="own"), helper.make_node("Relu", ["a"], ["y"])]
    model = make_onnx(nodes, [1, 4], domains=["own"])
    model.graph.value_info.append(helper.make_tensor_value_info("a", TensorProto.FLOAT, [1, 4]))
    assert list(_described(without_inferred_shapes(model))) == ["a"]


@pytest.mark.parametrize("settings", [{}, {"batch": None}, {"precision": "int8"}, {"embed_preprocessing": True}])
def test_no_written_file_repeats_inference(models: Any, tmp_path: Path, settings: Any) -> None:
    path, rng = tmp_path / "net.onnx", np.random.default_rng(5)
    model = models["squeezenext_like"]
    if settings.get("embed_preprocessing"):
        images = rng.integers(0, 256, (8, *model.input_shape[1:])).astype(np.uint8)
    else:
        images = rng.uniform(-1, 1, (8, *model.input_shape[1:])).astype(np.float32)
    samples = ExportSamples(parity=images[:4], calibration=images[4:])
    export_model(model, path, ArtifactOptions(format="onnx", **settings), samples, metadata=_plain(model))
    written = onnx.load(path)
    assert not written.graph.value_info
    onnx.checker.check_model(written, full_check=True)


def _plain(model: Any) -> Metadata:
    return Metadata(preprocessing=Preprocessing.plain(*model.input_shape[1:3]))
