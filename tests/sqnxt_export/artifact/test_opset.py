"""The operator set of a graph: as low as its operators and types allow, and refused where it cannot be had."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from helpers.onnx_graphs import make_onnx
from sqnxt_export import ArtifactOptions, ExportError, quantise_onnx, to_onnx
from sqnxt_export.artifact.opset import opset_of, with_opset
from sqnxt_export.runtimes.opset_limits import newest_opset


@pytest.mark.parametrize(
    ("node", "tensors", "lowest"),
    [
        (helper.make_node("Relu", ["x"], ["y"]), (), 13),
        (helper.make_node("Pad", ["x", "pads"], ["y"]), [("pads", np.zeros(8, np.int64))], 13),
        (
            helper.make_node("Pad", ["x", "pads", "", "axes"], ["y"]),
            [("pads", np.zeros(2, np.int64)), ("axes", np.zeros(1, np.int64))],
            18,
        ),
        (helper.make_node("ReduceMean", ["x", "axes"], ["y"]), [("axes", np.array([1]))], 18),
        (helper.make_node("ReduceMean", ["x"], ["y"], axes=[1]), (), 13),
        (helper.make_node("AveragePool", ["x"], ["y"], kernel_shape=[2, 2]), (), 13),
        (helper.make_node("AveragePool", ["x"], ["y"], kernel_shape=[2, 2], dilations=[2, 2]), (), 19),
        (helper.make_node("HardSwish", ["x"], ["y"]), (), 14),
        (helper.make_node("Gelu", ["x"], ["y"]), (), 20),
        (helper.make_node("GroupNormalization", ["x", "s", "s"], ["y"], num_groups=1), [("s", np.ones(4, "f4"))], 21),
        (helper.make_node("QuantizeLinear", ["x", "s", "z"], ["y"]), [("s", np.float32(1)), ("z", np.int8(0))], 13),
        (helper.make_node("QuantizeLinear", ["x", "s", "z"], ["y"]), [("s", np.float32(1)), ("z", np.int16(0))], 21),
        (helper.make_node("Own", ["x"], ["y"], domain="own"), (), 13),
    ],
)  # fmt: skip
def test_the_lowest_operator_set_is_that_of_the_operators_and_types(node: Any, tensors: Any, lowest: int) -> None:
    model = with_opset(make_onnx([node], [1, 4, 8, 8], tensors, domains=["own"]))
    assert opset_of(model) == lowest
    assert model.ir_version == (8 if lowest < 19 else 9 if lowest < 21 else 10)
    assert [entry.version for entry in model.opset_import if entry.domain == "own"] == [1]
    if lowest > 13:
        with pytest.raises(ExportError, match=f"operator {node.op_type}.* needs {lowest}; use `opset={lowest}`"):
            with_opset(model, lowest - 1)


def test_nodes_of_branches_count_too() -> None:
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 4]) for name in ("a", "b")]
    branches = [
        helper.make_graph([helper.make_node(op, ["x"], [end.name])], op, [], [end])
        for op, end in zip(("Gelu", "Relu"), ends, strict=True)
    ]
    node = helper.make_node("If", ["c"], ["y"], then_branch=branches[0], else_branch=branches[1])
    assert opset_of(with_opset(make_onnx([node], [1, 4], [("c", np.array(True))]))) == 20


@pytest.mark.parametrize("network", ["squeezenext_like", "alexnet_like", "mobilenet_like"])
def test_only_sixteen_bits_need_operator_set_21(models: Any, images: Any, network: str) -> None:
    plain = to_onnx(models[network])
    for precision, expected in (
        ("float32", (13, 8)),
        ("float16", (13, 8)),
        ("int8", (13, 8)),
        ("int8-weights", (13, 8)),
        ("int16", (21, 10)),
    ):
        graph = quantise_onnx(plain, precision, images[:4])
        assert (opset_of(graph), graph.ir_version) == expected
        onnx.checker.check_model(graph, full_check=True)


def test_a_set_that_cannot_be_had_is_refused_before_any_work() -> None:
    newest = newest_opset()
    assert newest >= 21
    for precision, opset, words in (
        ("int8", 12, "int8 needs 13 at least"),
        ("int16", 15, "int16 needs 21 at least .* use `opset=21`"),
        ("float32", newest + 1, f"onnxruntime knows up to {newest}; use `opset={newest}`"),
    ):
        with pytest.raises(ExportError, match=words):
            ArtifactOptions(format="onnx", precision=precision, opset=opset)
    with pytest.raises(ExportError, match='is ONNX\'s; leave `opset` out, or use `format="onnx"`'):
        ArtifactOptions(format="tflite", opset=15)
    assert ArtifactOptions(format="onnx", opset=newest).opset == newest
