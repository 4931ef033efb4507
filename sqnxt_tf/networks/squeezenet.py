"""SqueezeNet v1.0, v1.1 and their bypass variants: Iandola et al., arXiv 1602.07360, and their published networks."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from sqnxt_tf.networks.ops import BIAS, BIAS_RELU, Ops, T

# squeeze and expand channels of fire2 to fire9; each of the two expansions (1x1 and 3x3) has `expand` channels
_FIRE_FILTERS = ((16, 64), (16, 64), (32, 128), (32, 128), (48, 192), (48, 192), (64, 256), (64, 256))


@dataclass(frozen=True, slots=True, kw_only=True)
class SqueezenetSpec:
    """One SqueezeNet.

    A max pool follows the stem and each of the fire modules `pool_after`. The published v1.0 pads its last 1x1
    convolution by `classifier_padding` = 1 pixel. The paper's MAC count for v1.0 does not include this padding, so the
    networks here have none.
    """

    stem_filters: int
    stem_kernel: int
    pool_after: tuple[int, ...]
    bypass: Literal["none", "simple", "complex"] = "none"
    classifier_padding: int = 0


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
    for index, (squeeze, expand) in enumerate(_FIRE_FILTERS, 2):
        shortcut = _shortcut(ops, x, index, 2 * expand, spec)
        x = fire(ops, x, squeeze, expand, name=f"fire{index}")
        if shortcut is not None:
            x = ops.add([shortcut, x], name=f"fire{index}_bypass")
        if index in spec.pool_after:
            x = ops.max_pool(x, 3, name=f"pool{index}")
    x = ops.dropout(x, 0.5, name="drop9")
    x = ops.conv(x, classes, 1, padding=spec.classifier_padding, then=BIAS_RELU, name="conv10")
    return ops.global_average_pool(x, name="pool10")


def fire(ops: Ops[T], x: T, squeeze: int, expand: int, *, name: str) -> T:
    """Build a 1x1 squeeze that feeds a 1x1 and a 3x3 expansion. NHWC in, NHWC out with `2 * expand` channels."""
    x = ops.conv(x, squeeze, 1, then=BIAS_RELU, name=f"{name}_squeeze1x1")
    wide = [ops.conv(x, expand, size, then=BIAS_RELU, name=f"{name}_expand{size}x{size}") for size in (1, 3)]
    return ops.concat(wide, name=f"{name}_concat")


def _shortcut(ops: Ops[T], x: T, index: int, filters: int, spec: SqueezenetSpec) -> T | None:
    """Return what is added to the output of fire module `index`: its input, a 1x1 convolution of it, or None."""
    if spec.bypass == "none":
        return None
    if index % 2:
        return x
    if spec.bypass == "complex":
        return ops.conv(x, filters, 1, then=BIAS, name=f"fire{index}_bypass1x1")
    return None
