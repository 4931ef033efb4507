"""Two witnesses: the layer converter and tf2onnx make graphs that compute the same and cost the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import tf_keras as keras

import sqnxt_sim
from helpers.keras_networks import BUILDERS, randomise
from sqnxt_export import open_model, to_onnx
from sqnxt_tf.networks.keras_ops import build
from sqnxt_tf.networks.registry import networks

SIDE = 75  # pixels, odd: padding and pooling are asymmetric somewhere in every network
APPLICATIONS = {
    "ConvNeXtTiny": 64, "DenseNet121": 64, "EfficientNetB0": 64, "EfficientNetV2B0": 64, "InceptionV3": 75,
    "MobileNet": 64, "MobileNetV2": 64, "MobileNetV3Small": 64, "RegNetY002": 64, "ResNet50": 64, "ResNet50V2": 64,
    "VGG16": 64, "Xception": 75,
}  # fmt: skip


def _costs(path: Path) -> dict[str, Any]:
    accelerator = sqnxt_sim.load_accelerator("squeezelerator-16x16")
    total = sqnxt_sim.simulate(sqnxt_sim.read_onnx(path), accelerator).to_json()["total"]
    return {key: total[key] for key in ("macs", "cycles", "energy", "energy_by_part")}


def _check_witnesses(model: Any, folder: Path) -> None:
    paths = {converter: folder / f"{converter}.onnx" for converter in ("layers", "tf2onnx")}
    graphs = {converter: to_onnx(model, converter=converter) for converter in paths}
    for converter, graph in graphs.items():
        onnx.save(graph, paths[converter])
    assert not {node.op_type for node in graphs["tf2onnx"].graph.node} & {"Transpose", "PartitionedCall"}
    layers = [layer.name for layer in model.layers]
    for node in graphs["tf2onnx"].graph.node:
        assert any(f"{node.name}/".startswith(f"{layer}/") for layer in layers), node.name
    images = np.random.default_rng(0).normal(size=(1, *model.input_shape[1:])).astype(np.float32)
    by_layers, by_tf2onnx = (open_model(path).run(images) for path in paths.values())
    assert np.abs(by_layers - by_tf2onnx).max() <= 1e-5 * max(1.0, float(np.abs(by_layers).max()))
    assert _costs(paths["layers"]) == _costs(paths["tf2onnx"])


@pytest.mark.parametrize("name", BUILDERS)
def test_both_converters_agree_on_small_networks(name: str, tmp_path: Path) -> None:
    keras.utils.set_random_seed(3)
    _check_witnesses(randomise(BUILDERS[name]()), tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("name", networks())
def test_both_converters_agree_on_every_listed_network(name: str, tmp_path: Path) -> None:
    keras.backend.clear_session()
    _check_witnesses(build(name, classes=10, input_size=SIDE), tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("name", APPLICATIONS)
def test_both_converters_agree_on_networks_of_keras(name: str, tmp_path: Path) -> None:
    from tf_keras.applications import convnext, efficientnet_v2, regnet

    keras.backend.clear_session()
    keras.utils.set_random_seed(0)
    homes = (keras.applications, convnext, efficientnet_v2, regnet)
    builder = next(getattr(home, name) for home in homes if hasattr(home, name))
    side = APPLICATIONS[name]
    _check_witnesses(builder(weights=None, input_shape=(side, side, 3), classes=10), tmp_path)
