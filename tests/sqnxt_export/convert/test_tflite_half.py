"""Float16 .tflite files: a layer is stored in one type, since LiteRT 1.1.2 to 1.3.0 give NaN where it is not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from helpers.keras_networks import randomise
from sqnxt_export import open_model, to_tflite
from sqnxt_export.artifact.tflite_file import read_tflite
from sqnxt_export.convert.tflite_half import with_half_weights

NETWORKS = ["squeezenext_like", "alexnet_like", "mobilenet_like"]


def _layer_types(data: bytes) -> list[tuple[int, set[str]]]:
    """Return the number of weights of each layer's kernel, and the stored types of its kernel and bias."""
    from tensorflow.lite.python import schema_py_generated as schema
    from tensorflow.lite.tools import flatbuffer_utils

    model = flatbuffer_utils.convert_bytearray_to_object(bytearray(data))
    graph, builtin = model.subgraphs[0], schema.BuiltinOperator
    codes = [code.builtinCode for code in model.operatorCodes]
    widened = {
        int(node.outputs[0]): int(node.inputs[0])
        for node in graph.operators
        if codes[node.opcodeIndex] == builtin.DEQUANTIZE
    }
    found = []
    for node in graph.operators:
        if codes[node.opcodeIndex] in (builtin.CONV_2D, builtin.DEPTHWISE_CONV_2D, builtin.FULLY_CONNECTED):
            constants = [graph.tensors[widened.get(int(index), int(index))] for index in node.inputs[1:]]
            kinds = {schema.TensorType.FLOAT16: "float16", schema.TensorType.FLOAT32: "float32"}
            found.append((int(np.prod(constants[0].shape)), {kinds[tensor.type] for tensor in constants}))
    return found


@pytest.mark.parametrize("network", NETWORKS)
def test_kernel_and_bias_of_a_layer_have_one_type(models: Any, network: str) -> None:
    layers = _layer_types(to_tflite(models[network], "float16"))
    assert len(layers) > 2
    assert all(len(types) == 1 for _, types in layers)
    wide = sum(size for size, types in layers if types == {"float32"})
    assert wide <= 0.01 * sum(size for size, _ in layers)


def _uneven() -> Any:
    """Return a network of a small layer whose bias and kernel nearly cancel, and a large one."""
    import tf_keras as keras

    layers = keras.layers
    image = layers.Input((16, 16, 3))
    x = layers.Conv2D(4, 3, name="small", activation="relu")(image)
    x = layers.Flatten()(x)
    model = randomise(keras.Model(image, layers.Dense(64, name="large")(x)))
    kernel, bias = model.get_layer("small").get_weights()
    model.get_layer("small").set_weights([kernel + 30.0, bias - 27 * 30.0 + 0.123])
    return model


def test_the_smallest_layers_stay_float32_and_make_no_error(tmp_path: Path) -> None:
    model = _uneven()
    images = np.random.default_rng(2).uniform(0.99, 1.01, (4, 16, 16, 3)).astype(np.float32)
    (_, small), (_, large) = _layer_types(to_tflite(model, "float16"))
    assert (small, large) == ({"float32"}, {"float16"})
    path = tmp_path / "net.tflite"
    path.write_bytes(to_tflite(model, "float16"))
    expected = model(images).numpy()
    error = np.abs(open_model(path, threads=1).run(images) - expected).max() / np.abs(expected).max()
    assert error < 1e-3
    kernel, bias = model.get_layer("small").get_weights()  # rounded, they would miss the gate by far
    model.get_layer("small").set_weights([kernel.astype(np.float16), bias.astype(np.float16)])
    assert np.abs(model(images).numpy() - expected).max() / np.abs(expected).max() > 5e-3


def test_layers_that_share_a_bias_are_stored_alike() -> None:
    """The converter makes one constant of equal ones, such as the zeros of layers without a bias."""
    import tf_keras as keras

    layers = keras.layers
    image = layers.Input((8, 8, 3))
    x = layers.Conv2D(8, 1, use_bias=False)(image)
    x = layers.Conv2D(8, 8, use_bias=False, padding="same")(x)
    model = keras.Model(image, layers.Dense(64)(layers.Flatten()(x)))
    assert all(len(types) == 1 for _, types in _layer_types(to_tflite(model, "float16")))


def test_a_file_that_has_half_weights_stays_as_it_is(models: Any, tmp_path: Path) -> None:
    once = to_tflite(models["squeezenext_like"], "float16")
    (tmp_path / "a.tflite").write_bytes(once)
    (tmp_path / "b.tflite").write_bytes(with_half_weights(once))
    kinds = [
        sorted((item.name, item.kind.name) for item in read_tflite(tmp_path / f"{name}.tflite").tensors)
        for name in "ab"
    ]
    assert kinds[0] == kinds[1]
