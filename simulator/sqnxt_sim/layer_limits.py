"""The sizes that a layer may have."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqnxt_sim.errors import SimulatorError

if TYPE_CHECKING:
    from sqnxt_sim.workload import ConvLayer

# Limits far above any CNN. A file beyond them is broken or hostile, and the tile search would not end.
MAX_MAP_SIZE = 2**18
_MAX_CHANNELS = 2**24
_MAX_BATCH = 2**24

_POSITIVE = ("kernel_height", "kernel_width", "stride_height", "stride_width", "dilation_height", "dilation_width")
_PADS = ("pad_top", "pad_left", "pad_bottom", "pad_right")
_LIMITS = (
    *((field, 1, _MAX_CHANNELS) for field in ("in_channels", "out_channels", "groups")),
    *((field, 1, MAX_MAP_SIZE) for field in ("in_height", "in_width", *_POSITIVE)),
    *((field, 0, MAX_MAP_SIZE) for field in _PADS),
    ("batch", 1, _MAX_BATCH),
)


def check_layer(layer: ConvLayer) -> None:
    """Refuse a layer that makes no sense.

    Raises:
        SimulatorError: A size is out of range, the groups do not divide the channels, or the output is empty.
    """
    for field, low, high in _LIMITS:
        value = getattr(layer, field)
        if not low <= value <= high:
            raise SimulatorError(f"layer {layer.name!r}", f"{field} is {value}", f"it must lie in {low}..{high}")
    if layer.in_channels % layer.groups or layer.out_channels % layer.groups:
        raise SimulatorError(
            f"layer {layer.name!r}",
            f"{layer.groups} groups do not divide {layer.in_channels} input and {layer.out_channels} output channels",
            "correct the channels or the groups",
        )
    if layer.out_height < 1 or layer.out_width < 1:
        raise SimulatorError(
            f"layer {layer.name!r}",
            f"the {layer.kernel_height}x{layer.kernel_width} kernel is larger than its padded "
            f"{layer.in_height}x{layer.in_width} input",
            "use a larger input",
        )
    if layer.nonzero_weights is not None and not 0 <= layer.nonzero_weights <= layer.weights:
        raise SimulatorError(
            f"layer {layer.name!r}",
            f"nonzero_weights is {layer.nonzero_weights}",
            f"it must lie in 0..{layer.weights}",
        )
    for field in ("input_zeros", "output_zeros"):
        zeros = getattr(layer, field)
        if zeros is not None and not 0 <= zeros <= 1:
            raise SimulatorError(f"layer {layer.name!r}", f"{field} is {zeros}", "it must lie in 0..1")
