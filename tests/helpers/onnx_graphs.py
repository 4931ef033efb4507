"""ONNX graphs, built by hand and without TensorFlow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import ArrayLike, NDArray
from onnx import ModelProto, NodeProto, TensorProto, helper, numpy_helper

Shape = Sequence[int | str]

QUADRANTS = ("top left", "top right", "bottom left", "bottom right")


def floats(*shape: int) -> NDArray[np.float32]:
    """Return seeded normal numbers."""
    return np.random.default_rng(0).normal(size=shape).astype(np.float32)


def make_onnx(
    nodes: Sequence[NodeProto],
    shape: Shape,
    tensors: Sequence[tuple[str, ArrayLike]] = (),
    *,
    output_rank: int = 4,
    opset: int = 21,
    domains: Sequence[str] = (),
    kind: int = TensorProto.FLOAT,
) -> ModelProto:
    """Make a model from input `x` to output `y`; tensors are (name, array)."""
    graph = helper.make_graph(
        nodes,
        "graph",
        [helper.make_tensor_value_info("x", kind, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [f"d{i}" for i in range(output_rank)])],
        [numpy_helper.from_array(np.asarray(array), name) for name, array in tensors],
    )
    opsets = [helper.make_opsetid("", opset), *(helper.make_opsetid(domain, 1) for domain in domains)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=10)


def save_graph(
    path: Path,
    nodes: Sequence[NodeProto],
    inputs: Mapping[str, Shape],
    outputs: Mapping[str, Shape],
    weights: Mapping[str, NDArray[Any]] | None = None,
    *,
    kind: int = TensorProto.FLOAT,
) -> Path:
    """Save a graph, named as its file, and return the path; only its inputs may have another type than float32."""
    graph = helper.make_graph(
        nodes,
        path.stem,
        [helper.make_tensor_value_info(name, kind, shape) for name, shape in inputs.items()],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in outputs.items()],
        [numpy_helper.from_array(array, name) for name, array in (weights or {}).items()],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9), path)
    return path


def write_quadrants(path: Path, *, pixels: bool = False, rank: int = 4, outputs: int = 4) -> Path:
    """Write a network for one grey 4x4 image, whose logits are the brightness of its quadrants.

    It takes pixels if asked to. Another rank than four makes it flatten its input and do no more.
    """
    shape = [1, 4, 4, 1] if pixels else [1, 1, 4, 4]
    kind = TensorProto.UINT8 if pixels else TensorProto.FLOAT
    image = "image" if pixels else "input"
    pool = helper.make_node("AveragePool", [image], ["pooled"], kernel_shape=[2, 2], strides=[2, 2])
    nodes = [pool, helper.make_node("Flatten", ["pooled"], ["logits"])]
    if pixels:
        cast = helper.make_node("Cast", ["input"], ["floats"], to=TensorProto.FLOAT)
        nodes = [cast, helper.make_node("Transpose", ["floats"], ["image"], perm=[0, 3, 1, 2]), *nodes]
    if rank != 4:
        nodes = [helper.make_node("Flatten", ["input"], ["logits"])]
    return save_graph(path, nodes, {"input": shape[-rank:]}, {"logits": [1, outputs]}, kind=kind)
