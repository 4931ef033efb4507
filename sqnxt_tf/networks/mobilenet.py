"""MobileNet 1.0-224: Howard et al., arXiv 1704.04861, Table 1."""

from __future__ import annotations

from sqnxt_tf.networks.ops import BIAS, Ops, T

# filters and stride of each depthwise-separable block
_BLOCKS = ((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *((512, 1),) * 5, (1024, 2), (1024, 1))


def mobilenet(ops: Ops[T], x: T, classes: int) -> T:
    """Build a strided convolution, thirteen depthwise-separable blocks and a classifier with a bias."""
    x = ops.conv_bn_relu(x, 32, 3, stride=2, name="conv1")
    for block, (filters, stride) in enumerate(_BLOCKS, 2):
        x = ops.depthwise_conv(x, 3, stride=stride, name=f"conv{block}_depthwise")
        x = ops.conv_bn_relu(x, filters, 1, name=f"conv{block}_pointwise")
    x = ops.global_average_pool(x, name="pool")
    return ops.dense(x, classes, then=BIAS, name="classifier")
