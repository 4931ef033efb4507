"""SqueezeNext: Gholami et al., "SqueezeNext: Hardware-Aware Neural Network Design" (arXiv 1803.10615), section 2.

Layer details follow the authors' published network definitions. The 64 channels of the stem and the 128 of the head do
not scale with the width.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from sqnxt_tf.networks.ops import Ops, T

_STAGE_FILTERS = (32, 64, 128, 256)
_STAGE_STRIDES = (1, 2, 2, 2)
_STEM_FILTERS = 64
_HEAD_FILTERS = 128


@dataclass(frozen=True, slots=True, kw_only=True)
class SqnxtSpec:
    """One SqueezeNext.

    `depth` is the number of blocks of each stage, `width` the multiplier of their channels. `transition` says how a
    stage begins. With `parallel`, the shortcut and the first squeeze both read the stage's input, both strided. With
    `conv_first`, a strided 1x1 convolution comes first, and the block reads its output. `groups` are those of the first
    squeeze and the separable convolutions. `aggregate` adds iterative deep aggregation over the stages.
    """

    depth: tuple[int, int, int, int]
    width: float = 1.0
    stem_kernel: int = 7
    transition: Literal["parallel", "conv_first"] = "parallel"
    groups: int = 1
    aggregate: bool = False


_VARIANTS = {
    "23": SqnxtSpec(depth=(6, 6, 8, 1)),
    "23v2": SqnxtSpec(depth=(6, 6, 8, 1), stem_kernel=5, transition="conv_first"),
    "23v3": SqnxtSpec(depth=(4, 8, 8, 1), stem_kernel=5, transition="conv_first"),
    "23v4": SqnxtSpec(depth=(2, 10, 8, 1), stem_kernel=5, transition="conv_first"),
    "23v5": SqnxtSpec(depth=(2, 4, 14, 1), stem_kernel=5, transition="conv_first"),
    "23g": SqnxtSpec(depth=(6, 6, 8, 1), groups=2),
    "23ida": SqnxtSpec(depth=(6, 6, 8, 1), aggregate=True),
    # The paper gives no depths for 34 and 44: these fit its parameter counts at all three widths but one.
    "34": SqnxtSpec(depth=(9, 9, 12, 2)),
    "34ida": SqnxtSpec(depth=(9, 9, 12, 2), aggregate=True),
    "44": SqnxtSpec(depth=(12, 12, 16, 2)),
    "44ida": SqnxtSpec(depth=(12, 12, 16, 2), aggregate=True),
}
_WIDTHS = {"w1": 1.0, "w3d2": 1.5, "w2": 2.0}

SPECS = {
    f"sqnxt{variant}_{width}": replace(spec, width=multiplier)
    for variant, spec in _VARIANTS.items()
    for width, multiplier in _WIDTHS.items()
}


def paper_name(name: str) -> str:
    """Return a listed name as the paper writes it: `sqnxt23g_w3d2` -> `1.5-G-SqNxt-23`."""
    variant, width = name.removeprefix("sqnxt").split("_")
    stem = f"{_WIDTHS[width]}-{'G-' if variant.endswith('g') else ''}SqNxt-"
    return stem + variant.removesuffix("g").replace("ida", "-IDA")


def sqnxt(ops: Ops[T], x: T, classes: int, spec: SqnxtSpec) -> T:
    """Build stem, four stages and head. NHWC image in, logits out."""
    x = ops.conv_bn_relu(x, _STEM_FILTERS, spec.stem_kernel, stride=2, padding="valid", name="stem")
    x = ops.max_pool(x, 3, name="stem_pool")
    aggregate: T | None = None
    for stage, (base_filters, stride, depth) in enumerate(
        zip(_STAGE_FILTERS, _STAGE_STRIDES, spec.depth, strict=True), 1
    ):
        filters = int(base_filters * spec.width)
        x = sqnxt_stage(ops, x, filters, depth, stride=stride, spec=spec, stage=stage)
        if spec.aggregate:
            if aggregate is not None:
                x = aggregation_node(ops, aggregate, x, filters, stride=stride, name=f"aggregate{stage}")
            aggregate = x
    x = ops.conv_bn_relu(x, _HEAD_FILTERS, 1, name="head")
    x = ops.global_average_pool(x, name="head_pool")
    return ops.dense(x, classes, name="classifier")


def sqnxt_stage(ops: Ops[T], x: T, filters: int, depth: int, *, stride: int, spec: SqnxtSpec, stage: int) -> T:
    """Build `depth` blocks of `filters` channels; the first one strides, and every second one is flipped."""
    name, project = f"stage{stage}", spec.transition == "parallel"
    if not project:
        x = ops.conv_bn_relu(x, filters, 1, stride=stride, name=f"{name}_transition")
    for block in range(depth):
        ops.begin_block(stage, block + 1)
        x = sqnxt_block(
            ops,
            x,
            filters,
            stride=stride if project and block == 0 else 1,
            project=project and block == 0,
            flip=block % 2 == 1,
            groups=spec.groups,
            name=f"{name}_block{block + 1}",
        )
    ops.begin_block(stage, 0)
    return x


def sqnxt_block(
    ops: Ops[T], x: T, filters: int, *, stride: int, project: bool, flip: bool, groups: int, name: str
) -> T:
    """Build two squeezes, a separable 3x3, an expansion and a shortcut. NHWC in, NHWC out with `filters` channels.

    The second squeeze, the expansion and the shortcut stay dense in the grouped networks.
    """
    first, second = ((1, 3), (3, 1)) if flip else ((3, 1), (1, 3))
    shortcut = ops.conv_bn_relu(x, filters, 1, stride=stride, name=f"{name}_shortcut") if project else x
    y = ops.conv_bn_relu(x, filters // 2, 1, stride=stride, groups=groups, name=f"{name}_squeeze1")
    y = ops.conv_bn_relu(y, filters // 4, 1, name=f"{name}_squeeze2")
    y = ops.conv_bn_relu(y, filters // 2, first, groups=groups, name=f"{name}_conv{first[0]}x{first[1]}")
    y = ops.conv_bn_relu(y, filters // 2, second, groups=groups, name=f"{name}_conv{second[0]}x{second[1]}")
    y = ops.conv_bn_relu(y, filters, 1, name=f"{name}_expand")
    return ops.add([shortcut, y], activation="relu", name=f"{name}_add")


def aggregation_node(ops: Ops[T], aggregate: T, x: T, filters: int, *, stride: int, name: str) -> T:
    """Join the aggregate of the earlier stages, brought to this stage's size, with the stage's output.

    This is iterative deep aggregation (Yu et al., arXiv 1707.06484). The authors published no definition of theirs;
    this one has the number of parameters of the three rows in Table 1.
    """
    aggregate = ops.conv_bn_relu(aggregate, filters, 1, stride=stride, name=f"{name}_project")
    joined = ops.concat([aggregate, x], name=f"{name}_concat")
    return ops.conv_bn_relu(joined, filters, 1, name=f"{name}_merge")
