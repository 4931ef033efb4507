"""Layers that are given by hand, as in `56x56x64,3x3x128,stride=2`."""

from __future__ import annotations

import re

from sqnxt_sim.errors import SimulatorError
from sqnxt_sim.workload import ConvLayer

_REMEDY = "write it as in 56x56x64,3x3x128,stride=2: input and filters as HEIGHTxWIDTHxCHANNELS, then options"
_SIDES = re.compile(r"(\d{1,9})x(\d{1,9})x(\d{1,9})")


def conv(
    input_shape: str,
    filters: str,
    *,
    stride: int = 1,
    groups: int = 1,
    pad: str | int = "same",
    dilation: int = 1,
    name: str = "",
) -> ConvLayer:
    """Return a convolution from two short texts, as in `conv("56x56x64", "3x3x128", stride=2)`.

    A fully connected layer is `conv("1x1x1024", "1x1x1000")`; a depthwise one has as many groups as input channels.

    Args:
        input_shape: The input map as HEIGHTxWIDTHxCHANNELS.
        filters: Kernel and number of filters as HEIGHTxWIDTHxFILTERS.
        stride: Rows and columns from one window to the next.
        groups: Number of groups of channels.
        pad: Rows and columns of zeros on every side; or `same`, for as many outputs as inputs over the stride; or
            `valid`, for none.
        dilation: Distance of the kernel's taps.
        name: Name of the layer; made of the other arguments by default.

    Raises:
        SimulatorError: A text is not of that form, or the sizes do not go together.
    """
    layer = name or _described(input_shape, filters, stride=stride, groups=groups, pad=pad, dilation=dilation)
    in_height, in_width, in_channels = _three(input_shape, layer)
    kernel_height, kernel_width, out_channels = _three(filters, layer)
    if stride < 1 or dilation < 1:
        raise SimulatorError(f"layer {layer!r}", f"stride {stride} or dilation {dilation} is below 1", "give 1 or more")
    top, bottom = _pads(in_height, (kernel_height - 1) * dilation + 1, stride, pad, layer)
    left, right = _pads(in_width, (kernel_width - 1) * dilation + 1, stride, pad, layer)
    return ConvLayer(
        name=layer,
        in_channels=in_channels,
        out_channels=out_channels,
        in_height=in_height,
        in_width=in_width,
        kernel_height=kernel_height,
        kernel_width=kernel_width,
        stride_height=stride,
        stride_width=stride,
        dilation_height=dilation,
        dilation_width=dilation,
        pad_top=top,
        pad_left=left,
        pad_bottom=bottom,
        pad_right=right,
        groups=groups,
    )


def parse_layer(text: str) -> ConvLayer:
    """Return the layer of a text such as `56x56x64,3x3x128,stride=2`; its options are the arguments of `conv`.

    Raises:
        SimulatorError: The text is not of that form, or the sizes do not go together.
    """
    input_shape, _, rest = text.partition(",")
    filters, *options = rest.split(",")
    given: dict[str, str | int] = {}
    for option in options:
        key, _, value = (part.strip() for part in option.partition("="))
        if key not in ("stride", "groups", "pad", "dilation", "name") or key in given or not value:
            raise SimulatorError(
                f"layer {text!r}",
                f"has the option {option!r}",
                "options are stride, groups, pad, dilation and name, each once and with a value, as in stride=2",
            )
        given[key] = int(value) if value.isdecimal() and len(value) < 10 and key != "name" else value
        if key in ("stride", "groups", "dilation") and not isinstance(given[key], int):
            raise SimulatorError(f"layer {text!r}", f"{key} is {value[:40]!r}", "it must be a whole number")
    return conv(input_shape.strip(), filters.strip(), **given)  # type: ignore[arg-type]


def _described(input_shape: str, filters: str, **options: str | int) -> str:
    """Return the text from which `parse_layer` makes the layer."""
    usual = {"stride": 1, "groups": 1, "pad": "same", "dilation": 1}
    unusual = [f"{key}={value}" for key, value in options.items() if value != usual[key]]
    return ",".join([input_shape, filters, *unusual])


def _three(text: str, layer: str) -> tuple[int, int, int]:
    match = _SIDES.fullmatch(text)
    if match is None:
        raise SimulatorError(f"layer {layer!r}", f"{text!r} is not three sizes", _REMEDY)
    first, second, third = map(int, match.groups())
    return first, second, third


def _pads(extent: int, span: int, stride: int, pad: str | int, layer: str) -> tuple[int, int]:
    """Return the zeros before and after an extent.

    Example: `same` for a kernel of 3 at stride 2 on 8 pixels gives 4 outputs, which span 9 pixels: (0, 1).
    """
    if isinstance(pad, int):
        return pad, pad
    if pad == "valid":
        return 0, 0
    if pad != "same":
        raise SimulatorError(f"layer {layer!r}", f"pad is {pad!r}", "it must be a whole number, same or valid")
    total = max((-(-extent // stride) - 1) * stride + span - extent, 0)
    return total // 2, total - total // 2
