"""TensorFlow's 'same' padding, written out as ONNX pads."""

from __future__ import annotations

from collections.abc import Sequence


def explicit_pads(
    padding: str, size: Sequence[int], kernel: Sequence[int], strides: Sequence[int], dilations: Sequence[int]
) -> list[int]:
    """ONNX pads [top, left, bottom, right] of a Keras layer with `padding` "same" or "valid".

    'same' gives ceil(size / stride) outputs; where the padding is odd, the extra line goes to the bottom and right.
    """
    if padding == "valid":
        return [0] * 4
    before, after = [], []
    for length, window, stride, dilation in zip(size, kernel, strides, dilations, strict=True):
        outputs = -(-length // stride)
        total = max((outputs - 1) * stride + (window - 1) * dilation + 1 - length, 0)
        before.append(total // 2)
        after.append(total - total // 2)
    return before + after
