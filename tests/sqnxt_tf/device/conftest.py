"""Artifacts that are made without TensorFlow, and whose answers follow from the image."""

from collections.abc import Callable
from pathlib import Path

import onnx
import pytest
from onnx import TensorProto, helper

from sqnxt_export import Metadata, Preprocessing, write_metadata

QUADRANTS = ("top left", "top right", "bottom left", "bottom right")


def write_quadrants(path: Path, *, pixels: bool = False, rank: int = 4, outputs: int = 4) -> Path:
    """Return a network for one grey 4x4 image, whose logits are the brightness of its quadrants."""
    shape = [1, 4, 4, 1] if pixels else [1, 1, 4, 4]
    image = helper.make_tensor_value_info("input", TensorProto.UINT8 if pixels else TensorProto.FLOAT, shape[-rank:])
    logits = helper.make_tensor_value_info("logits", TensorProto.FLOAT, [1, outputs])
    first = [
        helper.make_node("Cast", ["input"], ["floats"], to=TensorProto.FLOAT),
        helper.make_node("Transpose", ["floats"], ["image"], perm=[0, 3, 1, 2]),
    ]
    nodes = [
        *(first if pixels else []),
        helper.make_node(
            "AveragePool", ["image" if pixels else "input"], ["pooled"], kernel_shape=[2, 2], strides=[2, 2]
        ),
        helper.make_node("Flatten", ["pooled"], ["logits"]),
    ]
    graph = helper.make_graph(nodes if rank == 4 else nodes[-1:], "quadrants", [image], [logits])
    if rank != 4:
        graph.node[0].input[0] = "input"
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 10
    onnx.save(model, path)
    return path


@pytest.fixture
def quadrants(tmp_path: Path) -> Callable[..., Path]:
    """Write such a network, with metadata unless `bare`."""

    def write(name: str = "quadrants.onnx", *, bare: bool = False, pixels: bool = False) -> Path:
        path = write_quadrants(tmp_path / name, pixels=pixels)
        if not bare:
            plain = Preprocessing.plain(4, channels=1)
            plain = plain.raw() if pixels else plain
            write_metadata(path, Metadata(network="quadrants", labels=QUADRANTS, preprocessing=plain))
        return path

    return write
