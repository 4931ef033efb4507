"""TensorFlow's padding, written as ONNX pads."""

from __future__ import annotations

from collections.abc import Sequence


def explicit_pads(
    padding: str, size: Sequence[int], kernel: Sequence[int], strides: Sequence[int], dilations: Sequence[int]
) -> list[int]:
    """Return the ONNX pads [top, left, bottom, right] of a Keras layer with `padding` "same" or "valid".

    With "same" there are ceil(size / stride) outputs. If the padding is odd, the extra line is at the bottom and right.
    Worked example: 10 pixels, a kernel of 3 and stride 2 give 5 outputs, which need (5 - 1) * 2 + 3 = 11 pixels, so one
    line is added at the end.
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
