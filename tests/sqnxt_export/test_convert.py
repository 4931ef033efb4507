"""Layer by layer: what Keras computes is what the ONNX graph computes."""

# ruff: noqa: PLW0108 - each layer is made when its test runs, with the seed that the test has set

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import onnxruntime
import pytest
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
        (lambda x: L.UpSampling2D(name="up")(x), "layer 'up': no ONNX equivalent is known for class UpSampling2D"),
        (lambda x: L.Softmax(axis=1, name="odd")(x), r"layer 'odd' \(Softmax\): axis 1"),
        (lambda x: L.Activation("gelu", name="g")(x), "activation 'gelu'"),
        (lambda x: L.ReLU(threshold=1.0, name="t")(x), "threshold"),
        (lambda x: L.MaxPooling2D(2, 2)(L.ZeroPadding2D(1, name="pad")(x)), "layer 'pad': pads with zeros"),
        (lambda x: L.MaxPooling2D(2, 2)(L.ZeroPadding2D(3)(L.ReLU()(x))), "pads with zeros"),
    ],
)
def test_what_cannot_be_exported_is_named(build: Callable[[Any], Any], words: str) -> None:
    with pytest.raises(ExportError, match=words):
        to_onnx(_model(build))


def test_models_without_a_fixed_input_are_refused() -> None:
    image = L.Input((None, None, 3))
    with pytest.raises(ExportError, match="fixed height"):
        to_onnx(keras.Model(image, L.Conv2D(2, 1)(image)))
    two = [L.Input((4, 4, 3)), L.Input((4, 4, 3))]
    with pytest.raises(ExportError, match="2 inputs"):
        to_onnx(keras.Model(two, L.Add()(two)))
    with pytest.raises(ExportError, match="not a built functional model"):
        to_onnx(keras.Sequential([L.Dense(2)]))


@settings(deadline=None)
@given(size=st.integers(1, 64), kernel=st.integers(1, 7), stride=st.integers(1, 4), dilation=st.integers(1, 3))
def test_same_padding_gives_ceil_outputs(size: int, kernel: int, stride: int, dilation: int) -> None:
    before, _, after, _ = explicit_pads("same", [size] * 2, [kernel] * 2, [stride] * 2, [dilation] * 2)
    window = (kernel - 1) * dilation + 1
    assert 0 <= before <= after <= before + 1
    assert (size + before + after - window) // stride + 1 == -(-size // stride)
