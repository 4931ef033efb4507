"""Darknet reference and Tiny Darknet, as published (Redmon, "Darknet: Open Source Neural Networks in C")."""

from __future__ import annotations

from sqnxt_tf.networks.ops import BIAS, NORM_LEAKY_RELU, Kernel, Ops, T


def tiny_darknet(ops: Ops[T], x: T, classes: int) -> T:
    """Build squeezes and expansions in pairs, and a 1x1 classifier averaged over the map. NHWC image in, logits out."""
    for layer, filters in enumerate((16, 32), 1):
        x = _conv(ops, x, filters, 3, name=f"conv{layer}")
        x = ops.max_pool(x, 2, name=f"pool{layer}")
    for stage, (squeeze, expand) in enumerate(((16, 128), (32, 256), (64, 512)), 3):
        for pair in (1, 2):
            x = _conv(ops, x, squeeze, 1, name=f"conv{stage}_{pair}_squeeze")
            x = _conv(ops, x, expand, 3, name=f"conv{stage}_{pair}_expand")
        if stage < 5:
            x = ops.max_pool(x, 2, name=f"pool{stage}")
    x = _conv(ops, x, 128, 1, name="head")
    x = ops.conv(x, classes, 1, then=BIAS, name="classifier")
    return ops.global_average_pool(x, name="head_pool")


def darknet_ref(ops: Ops[T], x: T, classes: int) -> T:
    """Build seven 3x3 convolutions with a pool between each two, and a 1x1 classifier averaged over the map."""
    for layer, filters in enumerate((16, 32, 64, 128, 256, 512, 1024), 1):
        x = _conv(ops, x, filters, 3, name=f"conv{layer}")
        if filters < 1024:
            x = ops.max_pool(x, 2, name=f"pool{layer}")
    x = ops.conv(x, classes, 1, then=BIAS, name="classifier")
    return ops.global_average_pool(x, name="head_pool")


def _conv(ops: Ops[T], x: T, filters: int, kernel: Kernel, *, name: str) -> T:
    return ops.conv(x, filters, kernel, then=NORM_LEAKY_RELU, name=name)
