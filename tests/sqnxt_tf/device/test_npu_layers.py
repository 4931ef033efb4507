"""Vela's estimate of each layer, beside the simulated one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from helpers.commands import run_cli
from helpers.micro_models import write_classifier
from helpers.tflite_graphs import TfliteMaker
from sqnxt_sim import load_accelerator, read_model, simulate_workload
from sqnxt_tf import BenchmarkOptions, SqnxtError, export
from sqnxt_tf.device.npu_layers import NpuLayers, npu_layers
from sqnxt_tf.device.vela import estimate_with_vela

NPU = "ethos-u55-128"


def write_fire(path: Path) -> Path:
    """Write two convolutions of an int8 map that are joined, and an activation behind a third.

    Vela lets each write its own part of the joined map, and the third what the activation returns.
    """
    maker = TfliteMaker()
    maker.tensor("x", (1, 8, 8, 16), "int8", is_input=True)
    for name, side in (("one", 1), ("three", 3), ("leaky", 5)):
        kernel = np.ones((16, side, side, 16), np.int8)
        maker.tensor(f"net/{name}/Conv2D", kernel.shape, "int8", values=kernel)
        maker.tensor(f"{name}/b", (16,), "int32", values=np.zeros(16))
        maker.tensor(f"net/{name}/Relu", (1, 8, 8, 16), "int8")
        maker.node(
            "CONV_2D", ["x", f"net/{name}/Conv2D", f"{name}/b"], [f"net/{name}/Relu"], options="Conv2DOptions",
            strideH=1, strideW=1, dilationHFactor=1, dilationWFactor=1,
        )  # fmt: skip
    maker.tensor("net/join/concat", (1, 8, 8, 32), "int8")
    maker.node(
        "CONCATENATION", ["net/one/Relu", "net/three/Relu"], ["net/join/concat"], options="ConcatenationOptions", axis=3
    )
    maker.tensor("net/last/LeakyRelu", (1, 8, 8, 16), "int8")
    maker.node("LEAKY_RELU", ["net/leaky/Relu"], ["net/last/LeakyRelu"], options="LeakyReluOptions", alpha=0.1)
    for tensor in maker.graph.tensors:
        if b"/b" in tensor.name:
            tensor.quantization.scale = [0.25]
    path.write_bytes(maker.to_bytes(outputs=["net/join/concat", "net/last/LeakyRelu"]))
    return path


def estimated(path: Path) -> NpuLayers:
    report = simulate_workload(read_model(path), load_accelerator(NPU))
    return npu_layers(path, estimate_with_vela(path, NPU), report)


def check_whole(found: NpuLayers) -> None:
    """Each layer with weights has an estimate of its own, and nothing of Vela's is lost or counted twice."""
    assert sum(layer.vela_cycles for layer in found.layers) == sum(row.cycles for row in found.estimate.rows)
    macs = {layer.name: layer.macs for layer in read_model(found.path).conv_layers}
    own = {layer.name: layer for layer in found.layers if layer.name in macs}
    assert set(own) == set(macs)
    assert all(layer.vela_cycles and layer.simulated_cycles and layer.macs == macs[name] for name, layer in own.items())


def test_convolutions_that_write_what_another_operator_returns_keep_their_rows(tmp_path: Path) -> None:
    found = estimated(write_fire(tmp_path / "fire.tflite"))
    check_whole(found)
    assert {layer.name for layer in found.layers if layer.vela_cycles} == {"one", "three", "leaky"}


def test_integer_borders_leave_nothing_to_the_cpu(tmp_path: Path) -> None:
    found = estimated(write_classifier(tmp_path / "net.tflite"))
    check_whole(found)
    assert found.estimate.cpu_operators == ()
    assert found.to_json()["is_estimate"] is True


def test_what_stays_on_the_cpu_is_named(tmp_path: Path) -> None:
    maker = TfliteMaker()
    maker.tensor("x", (1, 8, 8, 16), is_input=True)
    maker.tensor("q", (1, 8, 8, 16), "int8")
    maker.node("QUANTIZE", ["x"], ["q"])
    maker.tensor("y", (1, 4, 4, 16), "int8")
    maker.node(
        "MAX_POOL_2D", ["q"], ["y"], options="Pool2DOptions", strideH=2, strideW=2, filterHeight=2, filterWidth=2
    )
    path = tmp_path / "pool.tflite"
    path.write_bytes(maker.to_bytes())
    found = estimated(path)
    assert found.estimate.cpu_operators == ("Quantize",)
    assert [layer.name for layer in found.layers if not layer.on_npu] == ["q"]


def test_what_vela_does_not_take_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SqnxtError, match=r"is not a \.tflite file"):
        estimate_with_vela(tmp_path / "net.onnx", NPU)
    with pytest.raises(SqnxtError, match="is not known; use one of ethos-u55-32"):
        BenchmarkOptions(npu="ethos-u99")
    path = write_classifier(tmp_path / "net.tflite")
    monkeypatch.setattr("sqnxt_tf.device.vela.find_spec", lambda name: None)
    with pytest.raises(SqnxtError, match=r"sqnxt-tf\[npu\]"):
        estimate_with_vela(path, NPU)


def test_the_command_line_marks_the_estimate(tmp_path: Path) -> None:
    path = write_classifier(tmp_path / "net.tflite")
    done = run_cli("benchmark", path, "--npu", "ethos-u65-512", "--seconds", "0.1", cwd=tmp_path)
    assert done.code == 0, done.err
    assert "its compiler's estimate, not a measurement" in done.out
    assert "No preset describes ethos-u65-512" in done.out


@pytest.mark.slow
@pytest.mark.parametrize("network", ["squeezenet_v1_1", "sqnxt23_w1", "sqnxt23v5_w1", "tiny_darknet"])
def test_networks_with_integer_borders_run_on_the_npu_alone(network: str, tmp_path: Path) -> None:
    path = tmp_path / "net.tflite"
    export(network, path, format="tflite", precision="int8", io="int8", classes=10, input_size=64)
    found = estimated(path)
    assert found.estimate.cpu_operators == ()
    check_whole(found)
