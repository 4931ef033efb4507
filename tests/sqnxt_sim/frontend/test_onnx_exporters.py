"""Networks that other programs wrote have the MACs that the program itself, or onnx's shapes, give."""

from __future__ import annotations

from math import prod
from pathlib import Path

import onnx
import pytest

from helpers.golden import read_golden
from sqnxt_sim import OffArrayReason, load_accelerator, read_onnx, simulate_workload

EXPORTERS = Path(__file__).parents[1] / "data" / "exporters"
MACS = read_golden(EXPORTERS / "macs.csv")
LIGHT = Path(onnx.__file__).parent / "backend" / "test" / "data" / "light"


@pytest.mark.parametrize("row", MACS, ids=lambda row: row["file"])
def test_macs_and_zeros_are_what_the_exporter_counts(row: dict[str, str]) -> None:
    workload = read_onnx(EXPORTERS / row["file"], batch=1)
    assert sum(layer.macs for layer in workload.conv_layers) == int(row["macs"])
    assert sum(layer.nonzero_weights for layer in workload.conv_layers) == int(row["nonzero_weights"])


@pytest.mark.parametrize("row", MACS, ids=lambda row: row["file"])
def test_every_node_has_a_row_and_the_total_is_complete(row: dict[str, str]) -> None:
    model = onnx.load(EXPORTERS / row["file"])
    workload = read_onnx(EXPORTERS / row["file"], batch=2)
    names = {layer.name.split(" phase ")[0] for layer in workload.layers}
    assert names == {node.name or node.output[0] for node in model.graph.node} or model.functions
    assert not any(getattr(layer, "why", None) is OffArrayReason.NO_MODEL for layer in workload.layers)
    assert all(layer.batch == 2 for layer in workload.conv_layers)
    assert workload.live
    assert simulate_workload(workload, load_accelerator("squeezelerator-8x8")).to_json()["complete"]


def test_every_file_has_a_golden_row() -> None:
    assert {row["file"] for row in MACS} == {path.name for path in EXPORTERS.glob("*.onnx")}


def test_bits_of_quantised_networks() -> None:
    bits = {"qoperator": (8, 8), "dynamic": (8, 8), "qdq-int16": (16, 16)}
    for form, expected in bits.items():
        for path in EXPORTERS.glob(f"onnxruntime-{form}*.onnx"):
            layers = read_onnx(path, batch=1).conv_layers
            assert {(layer.activation_bits, layer.weight_bits) for layer in layers} == {expected}, path.name


# The 2018 networks of the onnx package, with ConstantOfShape in place of weights. Published GMACs: the `_ops` of
# torchvision 0.15's weights (torchvision/models), where they are of the same network at the same size.
LIGHT_MODELS = {
    "bvlc_alexnet": None,
    "densenet121": 2.834,
    "inception_v1": None,
    "inception_v2": None,
    "resnet50": 4.089,
    "shufflenet": None,
    "squeezenet": 0.349,
    "vgg19": 19.632,
    "zfnet512": None,
}


def macs_of_inferred_shapes(path: Path) -> int:
    """Count MACs from the shapes that onnx infers: every output value takes a MAC for each weight of its filter."""
    graph = onnx.shape_inference.infer_shapes(onnx.load(path), data_prop=True).graph
    shapes = {
        value.name: [dim.dim_value for dim in value.type.tensor_type.shape.dim]
        for value in (*graph.input, *graph.value_info, *graph.output)
    }
    total = 0
    for node in graph.node:
        if node.op_type == "Conv":
            total += prod(shapes[node.output[0]]) * prod(shapes[node.input[1]][1:])
        elif node.op_type == "Gemm":
            assert onnx.helper.get_node_attr_value(node, "transB") == 1
            total += prod(shapes[node.output[0]]) * shapes[node.input[1]][1]
    return total


@pytest.mark.parametrize("name", LIGHT_MODELS)
def test_networks_of_2018(name: str) -> None:
    path = LIGHT / f"light_{name}.onnx"
    workload = read_onnx(path)
    macs = sum(layer.macs for layer in workload.conv_layers)
    assert macs == macs_of_inferred_shapes(path) > 0
    published = LIGHT_MODELS[name]
    assert published is None or macs / 1e9 == pytest.approx(published, abs=0.0006)
    assert len(workload.layers) == len(onnx.load(path).graph.node)
    assert not any(getattr(layer, "why", None) is OffArrayReason.NO_MODEL for layer in workload.layers)
    # every weight is the same value, and not zero
    assert all(layer.nonzero_weights == layer.weights for layer in workload.conv_layers)
    assert workload.live


def test_all_light_models_are_read() -> None:
    assert {path.stem for path in LIGHT.glob("light_*.onnx")} == {f"light_{name}" for name in LIGHT_MODELS}
