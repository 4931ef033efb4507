"""SqueezeNet v1.0, v1.1, their bypass variants, and the design space that they are points of.

Source: Iandola et al., "SqueezeNet" (arXiv 1602.07360), whose section 5 has the space, and the published networks.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

from sqnxt_tf.networks.ops import BIAS, BIAS_RELU, Ops, T

_FIRES = range(2, 10)  # fire2 to fire9, as the paper numbers them


@dataclass(frozen=True, slots=True, kw_only=True)
class SqueezenetSpec:
    """One SqueezeNet.

    A max pool follows the stem and each of the fire modules `pool_after`. The published v1.0 pads its last 1x1
    convolution by `classifier_padding` = 1 pixel. The paper's MAC count for v1.0 does not include this padding, so the
    networks here have none.

    The fire modules follow from the paper's metaparameters, whose names stand in brackets. The first
    `fires_per_step` (freq) modules have `base_expand` (base_e) expand filters, and each further step has
    `expand_increment` (incr_e) more. Of the expand filters `fraction_3x3` (pct_3x3) are 3x3 and the others 1x1.
    The squeeze filters are `squeeze_ratio` (SR) times the expand filters.
    """

    stem_filters: int
    stem_kernel: int
    pool_after: tuple[int, ...]
    bypass: Literal["none", "simple", "complex"] = "none"
    classifier_padding: int = 0
    squeeze_ratio: float = 0.125
    fraction_3x3: float = 0.5
    base_expand: int = 128
    expand_increment: int = 128
    fires_per_step: int = 2


class FireFilters(NamedTuple):
    """The filters of a fire module, and how many channels it writes."""

    squeeze: int
    expand1x1: int
    expand3x3: int

    @property
    def out_channels(self) -> int:
        """The channels of the concatenated expansions."""
        return self.expand1x1 + self.expand3x3


V1_0 = SqueezenetSpec(stem_filters=96, stem_kernel=7, pool_after=(4, 8))
V1_1 = SqueezenetSpec(stem_filters=64, stem_kernel=3, pool_after=(3, 5))

SPECS = {
    "squeezenet_v1_0": V1_0,
    "squeezenet_v1_0_simple_bypass": replace(V1_0, bypass="simple"),
    "squeezenet_v1_0_complex_bypass": replace(V1_0, bypass="complex"),
    "squeezenet_v1_1": V1_1,
    "squeezenet_v1_1_simple_bypass": replace(V1_1, bypass="simple"),
    "squeezenet_v1_1_complex_bypass": replace(V1_1, bypass="complex"),
}


def squeezenet(ops: Ops[T], x: T, classes: int, spec: SqueezenetSpec) -> T:
    """Build stem, eight fire modules and a 1x1 classifier averaged over the map. NHWC image in, logits out."""
    x = ops.conv(x, spec.stem_filters, spec.stem_kernel, stride=2, padding="valid", then=BIAS_RELU, name="conv1")
    x = ops.max_pool(x, 3, name="pool1")
    channels = spec.stem_filters
    for index, filters in zip(_FIRES, fire_filters(spec), strict=True):
        shortcut = _shortcut(ops, x, index, channels, filters.out_channels, spec)
        x = fire(ops, x, filters, name=f"fire{index}")
        if shortcut is not None:
            x = ops.add([shortcut, x], name=f"fire{index}_bypass")
        if index in spec.pool_after:
            x = ops.max_pool(x, 3, name=f"pool{index}")
        channels = filters.out_channels
    x = ops.dropout(x, 0.5, name="drop9")
    x = ops.conv(x, classes, 1, padding=spec.classifier_padding, then=BIAS_RELU, name="conv10")
    return ops.global_average_pool(x, name="pool10")


def fire_filters(spec: SqueezenetSpec) -> list[FireFilters]:
    """Return the filters of fire2 to fire9, at least one of each kind; halves are rounded up.

    Example: v1.0's fire4 begins the second step of two, and so has 128 + 128 expand filters, half of them 3x3, and
    0.125 * 256 = 32 squeeze filters.
    """
    found = []
    for order in range(len(_FIRES)):
        expand = spec.base_expand + spec.expand_increment * (order // spec.fires_per_step)
        expand3x3 = min(max(int(expand * spec.fraction_3x3 + 0.5), 1), expand - 1)
        squeeze = max(int(expand * spec.squeeze_ratio + 0.5), 1)
        found.append(FireFilters(squeeze, expand - expand3x3, expand3x3))
    return found


def fire(ops: Ops[T], x: T, filters: FireFilters, *, name: str) -> T:
    """Build a 1x1 squeeze that feeds a 1x1 and a 3x3 expansion. NHWC in, NHWC out with their channels together."""
    x = ops.conv(x, filters.squeeze, 1, then=BIAS_RELU, name=f"{name}_squeeze1x1")
    expansions = ((filters.expand1x1, 1), (filters.expand3x3, 3))
    wide = [ops.conv(x, count, size, then=BIAS_RELU, name=f"{name}_expand{size}x{size}") for count, size in expansions]
    return ops.concat(wide, name=f"{name}_concat")


def _shortcut(ops: Ops[T], x: T, index: int, channels: int, filters: int, spec: SqueezenetSpec) -> T | None:
    """Return what is added to the output of fire module `index`: its input, a 1x1 convolution of it, or None.

    Only a module that writes as many channels as it reads can be bypassed without a convolution.
    """
    if spec.bypass == "none":
        return None
    if channels == filters:
        return x
    if spec.bypass == "complex":
        return ops.conv(x, filters, 1, then=BIAS, name=f"fire{index}_bypass1x1")
    return None
