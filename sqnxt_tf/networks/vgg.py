"""VGG-19: Simonyan and Zisserman, arXiv 1409.1556, configuration E."""

from __future__ import annotations

from sqnxt_tf.networks.ops import BIAS, BIAS_RELU, Ops, T

_STAGES = ((64, 2), (128, 2), (256, 4), (512, 4), (512, 4))  # filters and number of convolutions of each stage


def vgg19(ops: Ops[T], x: T, classes: int) -> T:
    """Build sixteen 3x3 convolutions in five stages, and three fully connected layers."""
    for stage, (filters, depth) in enumerate(_STAGES, 1):
        for layer in range(1, depth + 1):
            x = ops.conv(x, filters, 3, then=BIAS_RELU, name=f"conv{stage}_{layer}")
        x = ops.max_pool(x, 2, name=f"pool{stage}")
    for name in ("fc6", "fc7"):
        x = ops.dense(x, 4096, then=BIAS_RELU, name=name)
        x = ops.dropout(x, 0.5, name=f"{name}_drop")
    return ops.dense(x, classes, then=BIAS, name="fc8")
