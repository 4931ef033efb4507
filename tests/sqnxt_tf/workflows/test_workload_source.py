"""Networks by name, workloads and layers by hand instead of files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from sqnxt_sim import SimulatorError, Workload, conv, load_accelerator, simulate_workload
from sqnxt_tf import SqnxtError, network_workload, simulate
from sqnxt_tf.workflows.workload_source import layers_workload

NAME = "sqnxt23v5_w1"


def test_a_networks_name_has_the_papers_zeros_and_says_so() -> None:
    report = simulate("1.0-SqNxt-23v5")
    paper = simulate_workload(network_workload(NAME), load_accelerator("squeezelerator-16x16"), sparsity=0.4)
    assert (report.model, report.cycles, report.energy) == (NAME, paper.cycles, paper.energy)
    assert report.notes[0] == "a network's name has no weights: 40% zeros are assumed in every layer, as in the paper"
    dense = simulate(NAME, sparsity=0.0)
    assert {cost.weight_sparsity for cost in dense.costed} == {0.0}


def test_classes_size_and_batch_of_a_named_network() -> None:
    small = simulate(NAME, classes=10, input_size=(96, 64))
    assert small.input_shapes == ((1, 3, 96, 64),)
    assert small.costed[-1].layer.out_channels == 10
    two = simulate(NAME, "edge-npu-8bit", classes=10, input_size=(96, 64), batch=2)
    one = simulate(NAME, "edge-npu-8bit", classes=10, input_size=(96, 64))
    assert sum(cost.cycles for cost in two.costed) == pytest.approx(2 * sum(cost.cycles for cost in one.costed))
    assert two.dram_bytes == pytest.approx(2 * one.dram_bytes)


def test_accelerators_and_workloads_are_taken_as_they_are() -> None:
    workload, accelerator = network_workload(NAME, input_size=64), load_accelerator("squeezelerator-8x8")
    report = simulate(workload, accelerator)
    assert report == simulate_workload(workload, accelerator)
    assert report.accelerator is accelerator


@pytest.mark.parametrize(
    ("model", "settings", "fault"),
    [
        ("sqnxt23v6_w1", {}, "sqnxt23v6_w1: is neither a file nor a network's name; did you mean sqnxt23v"),
        ("nowhere.onnx", {}, "nowhere.onnx"),
        ("folder/sqnxt23_w1", {}, "folder/sqnxt23_w1"),
        (Path("alexnet"), {}, "alexnet"),
        ("nowhere.onnx", {"classes": 10}, "nowhere.onnx: is a file; leave out `classes`"),
        (Workload(name="mine", layers=()), {"batch": 2}, "mine: is a workload; leave out `batch`"),
        (3, {}, "model 3: is of type int; give an .onnx or .tflite file, a network's name, or a Workload"),
    ],
)
def test_what_is_refused(model: Any, settings: dict[str, Any], fault: str) -> None:
    with pytest.raises(SqnxtError) as error:
        simulate(model, **settings)
    assert fault in str(error.value)


def test_layers_by_hand_are_a_network_of_their_own() -> None:
    layer = conv("14x14x16", "3x3x32", stride=2)
    workload = layers_workload((layer, conv("1x1x8", "1x1x4", name="head"), layer))
    assert workload.name == "3 layers"
    assert [one.name for one in workload.layers] == [layer.name, "head", f"{layer.name} #2"]
    assert simulate(workload).macs == 2 * layer.macs + 32
    with pytest.raises(SimulatorError, match="smallest tile"):
        simulate(layers_workload((conv("1x100000x512", "1x9999x512", pad=0),)))
