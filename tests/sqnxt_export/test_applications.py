"""Networks of tf_keras.applications, exported in every format and precision."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tf_keras as keras

from sqnxt_export import (
    ArtifactOptions,
    ExportSamples,
    export_model,
    load_keras,
    open_model,
    save_keras,
    to_onnx,
)

SIDE = 64
_KINDS = [
    *(("onnx", precision) for precision in ("float32", "float16", "int16", "int8")),
    *(("tflite", precision) for precision in ("float32", "float16", "int16x8", "int8")),
]
_GAIN = 1.5
"""Variance of a layer's outputs over that of its inputs. ReLUs halve it; shortcuts and linear bottlenecks do not."""

_OTHERS = """
    ConvNeXtTiny DenseNet121 EfficientNetV2B0 InceptionV3 MobileNetV3Small NASNetMobile RegNetY002 ResNet50V2 VGG16
    Xception
""".split()  # noqa: SIM905 - as readable as can be


def _build(name: str, side: int) -> Any:
    from tf_keras.applications import convnext, efficientnet_v2, regnet, resnet_rs

    homes = (keras.applications, convnext, efficientnet_v2, regnet, resnet_rs)
    builder = next(getattr(home, name) for home in homes if hasattr(home, name))
    keras.utils.set_random_seed(0)
    return builder(weights=None, input_shape=(side, side, 3), classes=10)


def _images(count: int, side: int, model: Any) -> Any:
    """Return smooth random images, of values 0 to 255 if the network scales them itself."""
    random = np.random.default_rng(0)
    images = random.uniform(0, 255, (count, 4, 4, 3)).repeat(side // 4, 1).repeat(side // 4, 2)
    scaling = (keras.layers.Rescaling, keras.layers.Normalization)
    scales_itself = any(isinstance(layer, scaling) for layer in model.layers)
    return (images if scales_itself else images / 127.5 - 1).astype(np.float32)


def _give_answers(model: Any, images: Any) -> Any:
    """Set random weights with which signals neither vanish nor explode and logits differ between the classes.

    With Keras's initial weights, these networks give every class the same probability, which would prove nothing.
    """
    random = np.random.default_rng(7)
    last = None
    for weight in model.weights:
        if "kernel" in weight.name and weight.shape.rank in (2, 4):
            inputs = weight.shape[:2] if "depthwise" in weight.name else weight.shape[:-1]
            weight.assign(random.normal(0, (_GAIN / np.prod(inputs)) ** 0.5, weight.shape))
            last = weight
    logits = np.log(np.maximum(model(images[:8]).numpy(), 1e-30))
    spread = np.abs(logits - logits.mean(axis=1, keepdims=True)).max()
    assert last is not None
    last.assign(last * 3 / spread)
    return model


def _macs(model: Any) -> int:
    """Count the multiply-accumulates for one image from Keras's shapes: the kernel's weights times its positions."""
    total = 0
    for layer in _flat(model):
        for weight in layer.weights:
            if "kernel" in weight.name and weight.shape.rank in (2, 4):
                places = layer.output_shape[1:3] if len(layer.output_shape) == 4 else (1, 1)
                total += int(np.prod(weight.shape)) * places[0] * places[1]
    return total


def _flat(model: Any) -> Any:
    for layer in model.layers:
        if hasattr(layer, "layers"):
            yield from _flat(layer)
        else:
            yield layer


def _costed_macs(path: Path) -> int:
    import sqnxt_sim

    return sum(getattr(layer, "macs", 0) for layer in sqnxt_sim.read_onnx(path).layers)


@pytest.fixture(scope="module")
def mobilenet() -> Any:
    """Return MobileNetV2 and images for it."""
    keras.backend.clear_session()
    model = _build("MobileNetV2", SIDE)
    images = _images(264, SIDE, model)
    return _give_answers(model, images), images


@pytest.mark.parametrize("precision", ["float32", "float16", "int16", "int8"])
def test_mobilenet_v2_is_exported_proved_and_simulated(mobilenet: Any, tmp_path: Path, precision: str) -> None:
    model, images = mobilenet
    path = tmp_path / "net.onnx"
    options = ArtifactOptions(format="onnx", precision=precision)
    result = export_model(model, path, options, ExportSamples(parity=images[:8], calibration=images[8:]))
    assert result.parity.max_abs_diff > 0 or precision == "float32"  # the logits are far enough apart to show rounding
    assert not [note for note in result.notes if "proves little" in note]
    assert _costed_macs(path) == _macs(model)
    probabilities = open_model(path).run(images[:8])
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)
    if precision == "float32":
        np.testing.assert_allclose(probabilities, model(images[:8]).numpy(), atol=1e-5)


def test_the_graph_of_mobilenet_v2_is_clean(mobilenet: Any) -> None:
    model, _ = mobilenet
    ops = {node.op_type for node in to_onnx(model).graph.node}
    assert ops == {"Add", "Clip", "Conv", "Flatten", "Gemm", "GlobalAveragePool", "Softmax"}
    names = {node.name.partition("/")[0] for node in to_onnx(model).graph.node}
    assert names <= {layer.name for layer in model.layers}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["EfficientNetB0", "MobileNetV2", "ResNet50"])
def test_every_precision_of_the_large_ones(name: str, tmp_path: Path) -> None:
    keras.backend.clear_session()
    model = _build(name, SIDE)
    images = _images(264, SIDE, model)
    _give_answers(model, images)
    for format, precision in _KINDS:
        path = tmp_path / f"{precision}.{format}"
        options = ArtifactOptions(format=format, precision=precision)
        result = export_model(model, path, options, ExportSamples(parity=images[:4], calibration=images[4:]))
        assert result.parity.passed
        if format == "onnx":
            assert _costed_macs(path) == _macs(model)


@pytest.mark.slow
@pytest.mark.parametrize("name", _OTHERS)
def test_the_others_load_and_convert(name: str, tmp_path: Path) -> None:
    keras.backend.clear_session()
    side = 96 if name in ("InceptionV3", "Xception") else SIDE
    model = _build(name, side)
    images = _images(4, side, model)
    expected = model(images).numpy()
    save_keras(model, tmp_path / "net.keras")
    loaded = load_keras(tmp_path / "net.keras")
    np.testing.assert_allclose(loaded(images).numpy(), expected, atol=1e-6)
    result = export_model(loaded, tmp_path / "net.onnx", ArtifactOptions(format="onnx"), ExportSamples(parity=images))
    assert result.parity.passed
    assert _costed_macs(tmp_path / "net.onnx") == _macs(model)
