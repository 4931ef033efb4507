"""The two formats of one model are the same network to the simulator, and have the same weights to every tool."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from helpers.keras_networks import BUILDERS, randomise
from sqnxt_export import layer_zeros, nonzero_fraction, quantise_onnx, save_keras, to_onnx, to_tflite
from sqnxt_sim import (
    ConvLayer,
    NetworkReport,
    Workload,
    load_accelerator,
    read_model,
    read_weights,
    simulate_workload,
)
from sqnxt_tf import build

ONE_OF_EACH_KIND = (
    "sqnxt23v5_w1", "sqnxt23g_w1", "squeezenet_v1_0", "squeezenet_v1_1_complex_bypass", "alexnet", "mobilenet_w1",
    "tiny_darknet",
)  # fmt: skip
"""The others differ from these in numbers of blocks and channels; a SqueezeNext takes 50 s."""

# TFLite's precision, and the ONNX precision with the same activations
PRECISIONS = {"float32": "float32", "float16": "float16", "int8": "int8", "int16x8": "int16"}


def write_both(model: Any, images: Any, precision: str, folder: Path) -> tuple[Path, Path]:
    """Write a model in ONNX and in TFLite."""
    pair = folder / "net.onnx", folder / "net.tflite"
    wanted = PRECISIONS[precision]
    graph = to_onnx(model)
    onnx.save(graph if wanted == "float32" else quantise_onnx(graph, wanted, images), pair[0])
    pair[1].write_bytes(to_tflite(model, precision, images))
    return pair


def array_layers(workload: Workload, precision: str, *, of_onnx: bool) -> dict[str, ConvLayer]:
    """Return the layers by name. ONNX has no 16-bit activations with 8-bit weights: there, the weights are narrowed."""
    layers = {layer.name: layer for layer in workload.conv_layers}
    if precision == "int16x8":
        bits = 8 if of_onnx else None
        layers = {
            name: replace(layer, weight_bits=bits or layer.weight_bits, nonzero_weights=None)
            for name, layer in layers.items()
        }
    return layers


def peak_bytes(workload: Workload) -> float:
    return max(live.bytes_at(16) for live in workload.live)


def compare_formats(paths: tuple[Path, Path], precision: str) -> tuple[Workload, Workload]:
    """Assert that both files hold the same layers, zeros and memory, and return their workloads."""
    of_onnx, of_tflite = map(read_model, paths)
    assert array_layers(of_tflite, precision, of_onnx=False) == array_layers(of_onnx, precision, of_onnx=True)
    assert of_tflite.input_shapes[0] == tuple(of_onnx.input_shapes[0][axis] for axis in (0, 2, 3, 1))
    assert peak_bytes(of_onnx) == peak_bytes(of_tflite)
    array = load_accelerator("squeezelerator-16x16")
    first, second = (simulate_workload(workload, array) for workload in (of_onnx, of_tflite))
    if precision != "int16x8":
        assert costs(first) == costs(second)
        assert (first.cycles, first.energy.total) == pytest.approx((second.cycles, second.energy.total), rel=1e-12)
    return of_onnx, of_tflite


def costs(report: NetworkReport) -> dict[str, tuple[float, float, float]]:
    return {cost.name: (cost.cycles, cost.energy.total, cost.dram_bytes) for cost in report.costs}


def assert_one_count(path: Path, workload: Workload) -> None:
    """Assert that inspect, simulate and the export's result count the same weights and zeros."""
    found = read_weights(path)
    simulated = {
        layer.name: (layer.weights - (layer.nonzero_weights or 0), layer.weights) for layer in workload.conv_layers
    }
    assert {layer.layer: (layer.zeros, layer.count) for layer in found} == simulated == layer_zeros(path)
    zeros, weights = (sum(numbers) for numbers in zip(*simulated.values(), strict=True))
    assert nonzero_fraction(path) == 1 - zeros / weights


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("network", BUILDERS)
def test_both_formats_are_the_same_network(
    models: Any, images: Any, tmp_path: Path, network: str, precision: str
) -> None:
    paths = write_both(models[network], images, precision, tmp_path)
    workloads = compare_formats(paths, precision)
    if precision == "float32":
        save_keras(models[network], tmp_path / "net.keras")
        assert nonzero_fraction(tmp_path / "net.keras") == nonzero_fraction(paths[0])
    for path, workload in zip(paths, workloads, strict=True):
        assert_one_count(path, workload)


def test_the_simulator_reads_int8_weights(models: Any, tmp_path: Path) -> None:
    """Float activations in ONNX; TFLite's hybrid kernels round them to 8 bits, and small kernels stay float32."""
    model = models["alexnet_like"]
    onnx.save(quantise_onnx(to_onnx(model), "int8-weights"), tmp_path / "net.onnx")
    (tmp_path / "net.tflite").write_bytes(to_tflite(model, "int8-weights"))
    of_onnx, of_tflite = (read_model(tmp_path / f"net.{suffix}").conv_layers for suffix in ("onnx", "tflite"))
    assert {(layer.weight_bits, layer.activation_bits) for layer in of_onnx} == {(8, None)}
    assert len(of_onnx) == len(of_tflite)
    for layer in of_tflite:
        bits = (None, None) if layer.weights < 1024 else (8, 8)
        assert (layer.weight_bits, layer.activation_bits) == bits
    assert any(layer.weight_bits for layer in of_tflite)


def test_a_keras_file_counts_kernels_alone(tmp_path: Path) -> None:
    import tf_keras as keras

    layers = keras.layers
    image = layers.Input((8, 8, 3))
    x = layers.PReLU(shared_axes=[1, 2])(layers.Conv2D(4, 3, name="conv")(image))  # its slopes begin as zeros
    x = layers.GRU(5)(layers.Reshape((36, 4))(x))
    x = layers.MultiHeadAttention(2, 3)(layers.Reshape((5, 1))(x), layers.Reshape((5, 1))(x))
    save_keras(keras.Model(image, x), tmp_path / "net.keras")
    assert nonzero_fraction(tmp_path / "net.keras") == 1.0


@pytest.mark.slow
@pytest.mark.parametrize("network", ONE_OF_EACH_KIND)
def test_listed_networks_are_the_same_in_both_formats(network: str, tmp_path: Path) -> None:
    import tf_keras as keras

    keras.utils.set_random_seed(1)
    side = 67 if network == "alexnet" else 64
    model = randomise(build(network, classes=10, input_size=side))
    images = np.random.default_rng(2).uniform(-1, 1, (8, side, side, 3)).astype(np.float32)
    for precision in PRECISIONS:
        paths = write_both(model, images, precision, tmp_path)
        for path, workload in zip(paths, compare_formats(paths, precision), strict=True):
            assert_one_count(path, workload)
