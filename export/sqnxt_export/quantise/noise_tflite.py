"""The noise that quantising adds to each layer of a .tflite file, from intermediate tensors that LiteRT keeps."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sqnxt_export._libraries import quiet_stderr, require
from sqnxt_export.image_batches import filled
from sqnxt_export.quantise.noise import LayerNoise, NoisePower
from sqnxt_export.runtimes.tensors import Samples, as_arrays

_WEIGHTED = ("CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED")


def layer_noise_tflite(model: Any, plain: bytes, quantised: bytes, samples: Samples) -> tuple[LayerNoise, ...]:
    """Measure the noise of every layer whose output exists in both files, and return the worst first.

    The converter names a fused tensor after all the layers in it, and fuses an activation into its convolution, so
    outputs are compared after the activation. Both files run in LiteRT's built-in kernels, since XNNPACK keeps no
    tensors. A layer's own noise is not measured, which would take float and quantised layers in one graph.

    Args:
        model: The tf_keras model, for the names of its layers.
        plain: The float32 .tflite file.
        quantised: The file in another precision, with the same batch.
        samples: One array [n, ...] per input, as the Keras model takes them, preprocessed.
    """
    exact, noisy = _Observed(plain), _Observed(quantised)
    layers = _weighted_layers(model)
    lefts, rights = exact.weighted_layers(layers), noisy.weighted_layers(layers)
    places = {layer: (left, rights[layer]) for layer, left in lefts.items() if layer in rights}
    ratios = {layer: NoisePower() for layer in places}
    arrays = as_arrays(samples)
    for start in range(0, len(arrays[0]), exact.batch):
        part = [filled(array[start : start + exact.batch], exact.batch) for array in arrays]
        exact.run(part)
        noisy.run(part)
        for layer, (left, right) in places.items():
            ratios[layer].add(exact.values(left), noisy.values(right))
    found = [LayerNoise(layer, ratio.decibels) for layer, ratio in ratios.items()]
    return tuple(sorted(found, key=lambda layer: layer.snr_db))


def _weighted_layers(model: Any) -> list[str]:
    """Return the names of the layers with a kernel, in order."""
    return [layer.name for layer in model.layers if any(weights.ndim > 1 for weights in layer.get_weights())]


def _layer_of(tensor: str, layers: list[str]) -> str:
    """Return the layer that a fused tensor is named after.

    The name of a grouped convolution is lost, but that of its batch norm begins with it. The graph's output has a name
    of TensorFlow's own and belongs to the last layer.
    """
    if tensor.startswith("StatefulPartitionedCall"):
        return layers[-1]
    parts = re.split(r"[;/]", tensor)
    named = [layer for layer in layers if layer in parts]
    near = [layer for layer in layers if any(part.startswith(f"{layer}_") for part in parts)]
    return max(named or near or [tensor], key=len)


class _Observed:
    """A LiteRT interpreter that keeps every tensor; `tensors` holds their details by name."""

    def __init__(self, data: bytes) -> None:
        module = require("ai_edge_litert.interpreter", "to observe a .tflite file")
        with quiet_stderr():
            self.interpreter = module.Interpreter(
                model_content=data,
                experimental_preserve_all_tensors=True,
                experimental_op_resolver_type=module.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
            )
            self.interpreter.allocate_tensors()
        self.inputs = self.interpreter.get_input_details()
        self.batch = int(self.inputs[0]["shape"][0])
        self.tensors = {item["name"]: item for item in self.interpreter.get_tensor_details() if item["name"]}

    def weighted_layers(self, layers: list[str]) -> dict[str, Any]:
        """Return the details of each tensor that a convolution or dense layer writes, by layer of the model."""
        names = {item["index"]: name for name, item in self.tensors.items()}
        written = [node["outputs"][0] for node in self.interpreter._get_ops_details() if node["op_name"] in _WEIGHTED]
        return {_layer_of(names[index], layers): self.tensors[names[index]] for index in written if index in names}

    def run(self, arrays: list[NDArray[Any]]) -> None:
        """Run one batch of every input."""
        for details, array in zip(self.inputs, arrays, strict=True):
            self.interpreter.set_tensor(details["index"], array.astype(details["dtype"], copy=False))
        self.interpreter.invoke()

    def values(self, details: Any) -> NDArray[np.float32]:
        """Return the tensor's values in the last run, integers converted to real values."""
        values = self.interpreter.get_tensor(details["index"])
        scales = details["quantization_parameters"]["scales"]
        if values.dtype.kind != "i" or not len(scales):
            return np.asarray(values, np.float32)
        zero = details["quantization_parameters"]["zero_points"][0]
        return np.asarray((values.astype(np.float32) - zero) * scales[0], np.float32)
