"""AlexNet: Krizhevsky et al., 2012, without its local response normalisation, which has no parameters and no MACs."""

from __future__ import annotations

from sqnxt_tf.networks.ops import BIAS, BIAS_RELU, Ops, T


def alexnet(ops: Ops[T], x: T, classes: int) -> T:
    """Build five convolutions (the second, fourth and fifth in two groups) and three fully connected layers."""
    x = ops.conv(x, 96, 11, stride=4, padding="valid", then=BIAS_RELU, name="conv1")
    x = ops.max_pool(x, 3, name="pool1")
    x = ops.conv(x, 256, 5, groups=2, then=BIAS_RELU, name="conv2")
    x = ops.max_pool(x, 3, name="pool2")
    x = ops.conv(x, 384, 3, then=BIAS_RELU, name="conv3")
    x = ops.conv(x, 384, 3, groups=2, then=BIAS_RELU, name="conv4")
    x = ops.conv(x, 256, 3, groups=2, then=BIAS_RELU, name="conv5")
    x = ops.max_pool(x, 3, name="pool5")
    for name in ("fc6", "fc7"):
        x = ops.dense(x, 4096, then=BIAS_RELU, name=name)
        x = ops.dropout(x, 0.5, name=f"{name}_drop")
    return ops.dense(x, classes, then=BIAS, name="fc8")
