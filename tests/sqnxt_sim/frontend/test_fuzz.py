"""Damaged graphs are simulated or refused in one line, in bounded memory and time."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import pytest
from onnx import ModelProto, helper

from helpers.fuzzing import fuzz_seeds
from helpers.limited_process import read_batches, read_in_limits
from helpers.mutants import mutated
from helpers.onnx_graphs import floats, make_onnx
from helpers.tflite_graphs import TfliteMaker, weights

MEMORY_BYTES = 2 << 30
_SIMULATING = """
from sqnxt_sim import SimulatorError, load_accelerator, read_model, read_weights, simulate_workload
machines = [load_accelerator(name) for name in ("squeezelerator-16x16", "eyeriss", "ethos-u65-256")]
def simulate(path):
    workload = read_model(path)
    for machine in machines:
        simulate_workload(workload, machine).to_json()
READERS = (simulate, read_weights)
"""
READERS, REFUSING_NOTHING = f"{_SIMULATING}REFUSED = SimulatorError", f"{_SIMULATING}REFUSED = ()"


def onnx_network() -> ModelProto:
    """Make a graph of a grouped, a dilated and a strided convolution, a branch, pools, a dense layer, and an LSTM."""
    node = helper.make_node
    nodes = [
        node("Conv", ["x", "stem"], ["a"], name="stem", kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1]),
        node("Relu", ["a"], ["b"]),
        node("Conv", ["b", "grouped"], ["c"], name="grouped", group=4, pads=[1, 1, 1, 1]),
        node("Conv", ["b", "dilated"], ["d"], name="dilated", dilations=[2, 2], pads=[2, 2, 2, 2]),
        node("Concat", ["c", "d"], ["e"], axis=1),
        node("MaxPool", ["e"], ["f"], kernel_shape=[2, 2], strides=[2, 2]),
        node("Reshape", ["f", "rows"], ["g"]),
        node("MatMul", ["g", "dense"], ["h"], name="dense"),
        node("Transpose", ["h"], ["i"], perm=[1, 0, 2]),
        node("LSTM", ["i", "w", "r"], ["", "j"], name="lstm", hidden_size=4),
        node("Squeeze", ["j", "first"], ["k"]),
        node("Gemm", ["k", "last"], ["y"], name="last", transB=1),
    ]
    tensors = [
        ("stem", floats(8, 3, 3, 3)), ("grouped", floats(8, 2, 3, 3)), ("dilated", floats(8, 8, 3, 3)),
        ("rows", np.array([1, 16, 16])), ("dense", floats(16, 6)), ("w", floats(1, 16, 6)), ("r", floats(1, 16, 4)),
        ("first", np.array([0])), ("last", floats(5, 4)),
    ]  # fmt: skip
    return make_onnx(nodes, [1, 3, 16, 16], tensors, output_rank=2, opset=18)


def tflite_network() -> TfliteMaker:
    """Make a graph of a convolution, a depthwise one, an addition, a pool, and a dense layer."""
    make = TfliteMaker()
    image = make.tensor("image", [1, 16, 16, 4], is_input=True)
    kernel = make.tensor("stem", [8, 3, 3, 4], values=weights([8, 3, 3, 4]))
    a = make.tensor("a", [1, 8, 8, 8])
    make.node("CONV_2D", [image, kernel], [a], options="Conv2DOptions", padding=0, strideH=2, strideW=2)
    spread = make.tensor("depthwise", [1, 3, 3, 8], values=weights([1, 3, 3, 8]))
    b = make.tensor("b", [1, 8, 8, 8])
    options = {"options": "DepthwiseConv2DOptions", "padding": 0, "strideH": 1, "strideW": 1, "depthMultiplier": 1}
    make.node("DEPTHWISE_CONV_2D", [a, spread], [b], **options)
    c = make.tensor("c", [1, 8, 8, 8])
    make.node("ADD", [a, b], [c], options="AddOptions")
    d = make.tensor("d", [1, 4, 4, 8])
    pool = {"padding": 1, "strideH": 2, "strideW": 2, "filterHeight": 2, "filterWidth": 2}
    make.node("MAX_POOL_2D", [c], [d], options="Pool2DOptions", **pool)
    dense = make.tensor("dense", [5, 128], values=weights([5, 128]))
    e = make.tensor("e", [1, 5])
    make.node("FULLY_CONNECTED", [d, dense], [e], options="FullyConnectedOptions")
    make.node("SOFTMAX", [e], [make.tensor("y", [1, 5])], options="SoftmaxOptions", beta=1.0)
    return make


GOOD = {"onnx": lambda: onnx_network().SerializeToString(), "tflite": lambda: tflite_network().to_bytes()}


def fuzz(kind: str, seeds: range, folder: Path) -> None:
    read_batches(READERS, partial(mutated, kind, GOOD[kind]()), seeds, folder / f"graph.{kind}", MEMORY_BYTES)


@pytest.mark.parametrize("kind", GOOD)
def test_good_graphs_pass(kind: str, tmp_path: Path) -> None:
    """If good graphs did not pass, nothing would be shown by their mutants."""
    path = tmp_path / f"good.{kind}"
    path.write_bytes(GOOD[kind]())
    read_in_limits(REFUSING_NOTHING, [path], MEMORY_BYTES)


@pytest.mark.parametrize("kind", GOOD)
def test_damaged_graphs_are_simulated_or_refused_in_a_line(kind: str, tmp_path: Path) -> None:
    fuzz(kind, range(150), tmp_path)


@pytest.mark.slow
@pytest.mark.fuzz
@pytest.mark.parametrize("kind", GOOD)
def test_thousands_more(kind: str, tmp_path: Path) -> None:
    fuzz(kind, fuzz_seeds(3000), tmp_path)
