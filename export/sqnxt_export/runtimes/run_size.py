"""What one run of a model takes at most, counted from the shapes of its layers before anything is run.

A file that asks for terabytes or never ends shows it in its shapes, or has layers whose work does not follow from them.
So a model of well-known layers with few values and multiplications needs no run that somebody watches.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

_MOST_ELEMENTS = 1 << 27  # float32 values that all layers read and write: 512 MiB if none were freed
_MOST_MACS = 20_000_000_000  # a second of one core; VGG-19 has 19.6e9
_MOST_CALLS = 1000  # of layers; Keras compiles each grouped convolution, which takes some 20 ms

_PLAIN_LAYERS = """
    Activation ActivityRegularization Add Average BatchNormalization Concatenate Cropping2D Dropout ELU Flatten
    GaussianDropout GaussianNoise GlobalAveragePooling2D GlobalMaxPooling2D InputLayer LayerNormalization LeakyReLU
    Maximum Minimum Multiply Normalization PReLU Permute ReLU Rescaling Reshape Softmax SpatialDropout2D Subtract
    ThresholdedReLU UpSampling2D ZeroPadding2D
"""
_PLAIN = frozenset(_PLAIN_LAYERS.split())
"""Layers whose work and memory are proportional to the values that they read and write."""
_WEIGHTED = frozenset({"Conv2D", "Dense", "DepthwiseConv2D", "SeparableConv2D"})
"""Layers that use each weight at most once at each place of their output."""
_POOLING = frozenset({"AveragePooling2D", "MaxPooling2D"})
_NESTED = frozenset({"Functional", "Model", "Sequential"})


@dataclass(frozen=True, slots=True)
class RunSize:
    """What layers take for one sample: the `elements` that they read and write, their `macs`, and their `calls`."""

    elements: int
    macs: int
    calls: int

    @property
    def is_small(self) -> bool:
        """Whether such a run takes no more than any machine has, and about a second of one core."""
        return self.elements <= _MOST_ELEMENTS and self.macs <= _MOST_MACS and self.calls <= _MOST_CALLS


def is_small_run(model: Any) -> bool:
    """Tell whether a run on one sample is known to take little; False where the shapes do not tell."""
    size = run_size(model)
    return size is not None and size.is_small


def run_size(model: Any) -> RunSize | None:
    """Return what a run of a functional model on one sample takes; None where the shapes of its layers do not tell."""
    if not getattr(model, "_is_graph_network", False):
        return None
    elements = macs = calls = 0
    for layer in model.layers:
        for node in layer._inbound_nodes:
            found = _size_of_call(layer, node)
            if found is None:
                return None
            elements, macs, calls = elements + found.elements, macs + found.macs, calls + found.calls
    return RunSize(elements, macs, calls)


def _size_of_call(layer: Any, node: Any) -> RunSize | None:
    read, written = list(_shapes(node.input_shapes)), list(_shapes(node.output_shapes))
    kind = type(layer).__name__
    if None in (*read, *written) or not type(layer).__module__.startswith("tf_keras."):
        return None
    if kind in _NESTED:  # Keras calls a model with sizes that it was not built for, too
        return run_size(layer) if read == list(_shapes(layer.input_shape)) else None
    if kind != "InputLayer" and not _is_usual(layer):
        return None
    elements = sum(math.prod(shape) for shape in (*read, *written) if shape is not None)
    return RunSize(elements, macs, 1) if (macs := _macs(kind, layer, written)) is not None else None


def _is_usual(layer: Any) -> bool:
    """Tell whether TensorFlow has a quick kernel for a layer's settings on every processor."""
    strides = getattr(layer, "strides", 1)
    return (
        layer.compute_dtype == "float32"
        and getattr(layer, "data_format", "channels_last") == "channels_last"
        and set(getattr(layer, "dilation_rate", (1,))) == {1}
        and (isinstance(strides, int) or len(set(strides)) == 1)
    )


def _macs(kind: str, layer: Any, written: list[tuple[int, ...] | None]) -> int | None:
    """Return the multiplications, or comparisons, of a layer that writes arrays of these shapes; None if unknown."""
    shape = written[0] or ()
    if kind in _PLAIN:
        return 0
    if kind in _WEIGHTED:
        return math.prod(shape[:-1]) * int(layer.count_params())
    if kind in _POOLING:
        return math.prod(shape) * int(math.prod(layer.pool_size))
    return None


def _shapes(found: Any) -> Iterator[tuple[int, ...] | None]:
    """Yield the shapes of a sample in Keras's structure of shapes, which begin with the batch; None if one is free."""
    if isinstance(found, dict):
        found = list(found.values())
    if isinstance(found, list):
        for item in found:
            yield from _shapes(item)
    else:
        shape = tuple(found)[1:]
        yield None if None in shape else tuple(int(side) for side in shape)
