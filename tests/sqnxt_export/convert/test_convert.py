"""Layer by layer, the ONNX graph computes what Keras computes."""

# ruff: noqa: PLW0108 - each layer is made when its test runs, with the seed that the test has set

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnxruntime
import pytest
import tensorflow as tf
import tf_keras as keras
from hypothesis import given, settings
from hypothesis import strategies as st

from sqnxt_export import ExportError, to_onnx
from sqnxt_export.convert.padding import explicit_pads

L = keras.layers

CASES: dict[str, Callable[[Any], Any]] = {
    "strided same, even kernel": lambda x: L.Conv2D(4, (2, 4), strides=(2, 3), padding="same")(x),
    "dilated": lambda x: L.Conv2D(4, 3, padding="same", dilation_rate=2)(x),
    "grouped": lambda x: L.Conv2D(6, 3, groups=3, activation="relu")(x),
    "depthwise multiplier": lambda x: L.DepthwiseConv2D(3, depth_multiplier=2, strides=2, padding="same")(x),
    "separable multiplier": lambda x: L.SeparableConv2D(5, 3, depth_multiplier=2, use_bias=False)(x),
    "average pool same": lambda x: L.AveragePooling2D(3, 2, padding="same")(x),
    "max pool same": lambda x: L.MaxPooling2D((3, 2), 2, padding="same")(x),
    "pad, then max pool of a relu": lambda x: L.MaxPooling2D(3, 2)(L.ZeroPadding2D(((0, 1), (1, 0)))(L.ReLU()(x))),
    "pad, then max pool of anything": lambda x: L.MaxPooling2D(3, 2)(L.ZeroPadding2D(((1, 2), (0, 1)))(x)),
    "pad, then padded max pool": lambda x: L.MaxPooling2D(3, 2, padding="same")(L.ZeroPadding2D(((1, 0), (0, 1)))(x)),
    "pad, then max pool of a relu6": lambda x: L.MaxPooling2D(2, 1)(L.ZeroPadding2D(1)(L.ReLU(6.0)(x))),
    "pad and conv both padded": lambda x: L.Conv2D(2, 3, padding="same")(L.ZeroPadding2D(((1, 2), (0, 3)))(x)),
    "global max": lambda x: L.GlobalMaxPooling2D(keepdims=True)(x),
    "concat over height": lambda x: L.Concatenate(axis=1)([x, x]),
    "three-way add": lambda x: L.Add()([x, x, L.ReLU(negative_slope=0.2)(x)]),
    "subtract": lambda x: L.Subtract()([x, L.Activation("swish")(x)]),
    "reshape to image": lambda x: L.Reshape((5, 3, 9))(L.Cropping2D(((0, 0), (1, 1)))(x)),
    "flatten twice read": lambda x: L.Concatenate()([f := L.Flatten()(x), L.Dense(3)(f)]),
    "flatten, relu, batch norm, dense": lambda x: L.Dense(3)(L.BatchNormalization()(L.ReLU()(L.Flatten()(x)))),
    "dense on an image": lambda x: L.Dense(4, activation="hard_sigmoid")(x),
    "dense, batch norm": lambda x: L.BatchNormalization(scale=False)(L.Dense(4)(L.GlobalAveragePooling2D()(x))),
    "conv read twice, batch norm": lambda x: L.Add()([c := L.Conv2D(3, 1)(x), L.BatchNormalization()(c)]),
    "conv, dropout, batch norm": lambda x: L.BatchNormalization(center=False)(L.Dropout(0.3)(L.Conv2D(3, 1)(x))),
    "softmax of an image": lambda x: L.Softmax()(L.Activation("elu")(x)),
    "rescaling": lambda x: L.Rescaling(0.5, offset=[1.0, 2.0, 3.0])(x),
    "normalization": lambda x: L.Normalization(mean=[0.1, 0.2, 0.3], variance=[1.0, 2.0, 0.0])(x),
    "activation given as a layer": lambda x: L.Conv2D(2, 1, activation=L.LeakyReLU(0.3))(x),
    "nested model": lambda x: keras.Sequential([L.Conv2D(4, 3), L.BatchNormalization(), L.ReLU()], name="inner")(x),
    "softmax over height": lambda x: L.Softmax(axis=1)(x),
    "elu, thresholded": lambda x: L.ThresholdedReLU(0.3)(L.ELU(0.7)(x)),
    "prelu": lambda x: L.PReLU("random_normal")(L.PReLU("random_normal", shared_axes=[1, 2])(x)),
    "gelu and mish": lambda x: L.Activation("mish")(L.Activation("gelu")(x)),
    "layer norm": lambda x: L.LayerNormalization(gamma_initializer="random_normal")(x),
    "layer norm of a vector": lambda x: L.LayerNormalization(scale=False)(L.GlobalMaxPooling2D()(x)),
    "upsampled": lambda x: L.UpSampling2D((2, 3))(x),
    "upsampled between centres": lambda x: L.UpSampling2D(3, interpolation="bilinear")(x),
    "transposed convolution": lambda x: L.Conv2DTranspose(4, 3, strides=2, padding="same", activation="relu")(x),
    "transposed, window below stride": lambda x: L.Conv2DTranspose(4, (2, 3), strides=(3, 2), padding="same")(x),
    "transposed without padding": lambda x: L.Conv2DTranspose(4, (2, 5), strides=3, use_bias=False)(x),
    "transposed, dilated": lambda x: L.Conv2DTranspose(4, 3, dilation_rate=2, padding="same")(x),
    "transposed, batch norm": lambda x: L.BatchNormalization()(L.Conv2DTranspose(4, 3)(x)),
    "permuted": lambda x: L.Permute((3, 1, 2))(x),
    "average, maximum, minimum": lambda x: L.Average()([x, L.Maximum()([x, L.ReLU()(x)]), L.Minimum()([x, x, x])]),
    "product of three": lambda x: L.Multiply()([x, L.ReLU()(x), L.Activation("sigmoid")(x)]),
    "arithmetic": lambda x: (1 - x * 0.5) / [2.0, 3.0, 4.0] + (2 * x - [0.1, 0.2, 0.3]) * x**2,
    "functions": lambda x: tf.concat([tf.nn.relu6(x + 3), tf.sigmoid(x), tf.nn.leaky_relu(x, 0.3), -tf.abs(x)], -1),
    "more functions": lambda x: tf.clip_by_value(tf.nn.gelu(x, approximate=True), -0.1, 0.6) + tf.maximum(x, 0.1),
    "pooling functions": lambda x: tf.reduce_mean(x, [1, 2]) + tf.reduce_max(x, axis=(2, 1)),
    "gated by functions": lambda x: x * tf.nn.silu(tf.reduce_mean(x, [1, 2], keepdims=True)),
    "identity": lambda x: L.Dropout(0.5)(x),
    "reserved names": lambda x: L.ReLU(name="logits")(L.Conv2D(2, 1, name="output")(x)),
}


def _model(build: Callable[[Any], Any]) -> Any:
    keras.utils.set_random_seed(5)
    image = L.Input((9, 7, 3), name="image")
    model = keras.Model(image, build(image))
    rng = np.random.default_rng(1)
    for weight in model.weights:
        if "normalization" in weight.name and "normalization/count" not in weight.name and weight.dtype == "float32":
            weight.assign(rng.uniform(0.5, 1.5, weight.shape))
    return model


@pytest.mark.parametrize("case", CASES)
def test_layers_compute_the_same(case: str) -> None:
    model = _model(CASES[case])
    images = np.random.default_rng(0).normal(size=(1, 9, 7, 3)).astype(np.float32)
    session = onnxruntime.InferenceSession(to_onnx(model).SerializeToString(), providers=["CPUExecutionProvider"])
    (values,) = session.run(["logits"], {"input": images.transpose(0, 3, 1, 2)})
    expected = model(images, training=False).numpy()
    if values.ndim == 4:
        values = values.transpose(0, 2, 3, 1)
    np.testing.assert_allclose(values, expected, atol=2e-5)


def test_batch_norm_is_not_folded_into_what_others_read() -> None:
    ops = [node.op_type for node in to_onnx(_model(CASES["conv read twice, batch norm"])).graph.node]
    assert "BatchNormalization" in ops
    ops = [node.op_type for node in to_onnx(_model(CASES["conv, dropout, batch norm"])).graph.node]
    assert ops == ["Conv"]


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (lambda x: L.Lambda(abs, name="own")(x), "layer 'own': no ONNX equivalent is known for class Lambda"),
        (lambda x: L.UpSampling2D(interpolation="area", name="up")(x), r"layer 'up' \(UpSampling2D\): interpolation"),
        (lambda x: L.Softmax(axis=[1, 2], name="odd")(x), r"layer 'odd' \(Softmax\): axis \[1, 2\]"),
        (lambda x: L.LayerNormalization(axis=1, name="odd")(x), r"layer 'odd' \(LayerNormalization\): axis \[1\]"),
        (lambda x: L.Activation(tf.nn.log_softmax, name="g")(x), "activation 'log_softmax"),
        (lambda x: tf.image.resize(x, (4, 4)), r"layer 'tf.image.resize' \(TFOpLambda\): TensorFlow's function 'image"),
        (lambda x: tf.reduce_mean(x, 1), r"math.reduce_mean over axes 1 cannot"),
        (lambda x: x[:, :2], "TensorFlow's function '__operators__.getitem' cannot"),
        (lambda x: L.ReLU(threshold=1.0, name="t")(x), "threshold"),
        (lambda x: L.MaxPooling2D(2, 2)(L.ZeroPadding2D(3, name="pad")(x)), "layer 'pad': pads by whole windows"),
    ],
)
def test_what_the_layer_converter_does_not_know_is_named(build: Callable[[Any], Any], words: str) -> None:
    with pytest.raises(ExportError, match=words):
        to_onnx(_model(build), converter="layers")


def test_models_without_a_fixed_input_are_refused() -> None:
    image = L.Input((None, None, 3))
    with pytest.raises(ExportError, match="fixed height"):
        to_onnx(keras.Model(image, L.Conv2D(2, 1)(image)))
    two = [L.Input((4, 4, 3)), L.Input((4, 4, 3))]
    assert [value.name for value in to_onnx(keras.Model(two, L.Add()(two))).graph.input] == [x.name for x in two]
    with pytest.raises(ExportError, match="not a built model"):
        to_onnx(keras.Sequential([L.Dense(2)]))


@settings(deadline=None)
@given(size=st.integers(1, 64), kernel=st.integers(1, 7), stride=st.integers(1, 4), dilation=st.integers(1, 3))
def test_same_padding_gives_ceil_outputs(size: int, kernel: int, stride: int, dilation: int) -> None:
    before, _, after, _ = explicit_pads("same", [size] * 2, [kernel] * 2, [stride] * 2, [dilation] * 2)
    window = (kernel - 1) * dilation + 1
    assert 0 <= before <= after <= before + 1
    assert (size + before + after - window) // stride + 1 == -(-size // stride)
