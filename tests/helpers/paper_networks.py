"""The networks of the paper's Table 3 as plain layers, written apart from the product's own builders."""

from __future__ import annotations

from collections.abc import Callable

from sqnxt_sim import ConvLayer

Pad = int | tuple[int, int] | tuple[int, int, int, int]


class Trunk:
    """A builder that appends layers; `shape` is the (channels, height, width) that the next layer reads."""

    def __init__(self, size: int) -> None:
        self.layers: list[ConvLayer] = []
        self.shape = (3, size, size)

    def conv(
        self, filters: int, kernel: int | tuple[int, int], *, stride: int = 1, pad: Pad = 0, groups: int = 1
    ) -> Trunk:
        """Append a convolution; `pad` is one number, (height, width), or (top, left, bottom, right)."""
        height, width = kernel if isinstance(kernel, tuple) else (kernel, kernel)
        top, left, bottom, right = (pad,) * 4 if isinstance(pad, int) else pad * (4 // len(pad))
        channels, in_height, in_width = self.shape
        layer = ConvLayer(
            name=f"conv{len(self.layers) + 1}",
            in_channels=channels,
            out_channels=filters,
            in_height=in_height,
            in_width=in_width,
            kernel_height=height,
            kernel_width=width,
            stride_height=stride,
            stride_width=stride,
            pad_top=top,
            pad_left=left,
            pad_bottom=bottom,
            pad_right=right,
            groups=groups,
        )
        self.layers.append(layer)
        self.shape = (filters, layer.out_height, layer.out_width)
        return self

    def pool(self, size: int, stride: int = 2, *, ceil: bool = True) -> Trunk:
        """Append a pool, which is no layer with a cost."""
        channels, height, width = self.shape
        above = stride - 1 if ceil else 0
        self.shape = (channels, (height - size + above) // stride + 1, (width - size + above) // stride + 1)
        return self

    def fc(self, *units: int) -> Trunk:
        """Append fully connected layers."""
        channels, height, width = self.shape
        self.shape = (channels * height * width, 1, 1)
        for unit in units:
            self.conv(unit, 1)
        return self

    def global_pool(self) -> Trunk:
        """Reduce the map to one pixel."""
        self.shape = (self.shape[0], 1, 1)
        return self


def sqnxt(depths: tuple[int, ...], *, width: int = 1, baseline: bool = False) -> list[ConvLayer]:
    """Build SqueezeNext with a number of blocks for each stage; the baseline is its first variant, with a 7x7 stem."""
    net = Trunk(227).conv(64, 7 if baseline else 5, stride=2).pool(3)
    for stage, depth in enumerate(depths):
        filters = width * 32 * 2**stage
        for block in range(depth):
            stride = 2 if stage and not block else 1
            if not block:
                source = net.shape
                net.conv(filters, 1, stride=stride)
                if baseline:
                    net.shape = source
            net.conv(filters // 2, 1, stride=stride if baseline else 1).conv(filters // 4, 1)
            pair = [((3, 1), (1, 0)), ((1, 3), (0, 1))]
            for kernel, pad in pair[::-1] if block % 2 else pair:
                net.conv(filters // 2, kernel, pad=pad)
            net.conv(filters, 1)
    return net.conv(128, 1).global_pool().fc(1000).layers


def squeezenet(net: Trunk, squeezes: tuple[int | None, ...]) -> list[ConvLayer]:
    """Append fire modules by their squeeze channels, which expand eightfold in total; None is a pool."""
    for squeeze in squeezes:
        if squeeze is None:
            net.pool(3)
            continue
        net.conv(squeeze, 1)
        source = net.shape
        net.conv(4 * squeeze, 1)
        net.shape = source
        net.conv(4 * squeeze, 3, pad=1)
        net.shape = (8 * squeeze, *net.shape[1:])
    return net.conv(1000, 1).layers


def alexnet() -> list[ConvLayer]:
    """Build AlexNet."""
    net = Trunk(227).conv(96, 11, stride=4).pool(3).conv(256, 5, pad=2, groups=2).pool(3).conv(384, 3, pad=1)
    return net.conv(384, 3, pad=1, groups=2).conv(256, 3, pad=1, groups=2).pool(3).fc(4096, 4096, 1000).layers


def mobilenet(*, same: bool) -> list[ConvLayer]:
    """Build MobileNet; `same` pads strided layers below and to the right only, as TensorFlow does."""
    strided = (0, 0, 1, 1) if same else 1
    net = Trunk(224).conv(32, 3, stride=2, pad=strided)
    for filters, stride in [
        (64, 1),
        (128, 2),
        (128, 1),
        (256, 2),
        (256, 1),
        (512, 2),
        *[(512, 1)] * 5,
        (1024, 2),
        (1024, 1),
    ]:
        channels = net.shape[0]
        net.conv(channels, 3, stride=stride, pad=strided if stride == 2 else 1, groups=channels).conv(filters, 1)
    return net.global_pool().fc(1000).layers


def tiny_darknet() -> list[ConvLayer]:
    """Build Tiny Darknet."""
    net = Trunk(224).conv(16, 3, pad=1).pool(2).conv(32, 3, pad=1).pool(2)
    for squeeze, last in ((16, False), (32, False), (64, True)):
        for _ in range(2):
            net.conv(squeeze, 1).conv(8 * squeeze, 3, pad=1)
        if not last:
            net.pool(2)
    return net.conv(128, 1).conv(1000, 1).layers


NETWORKS: dict[str, Callable[[], list[ConvLayer]]] = {
    "AlexNet": alexnet,
    "SqueezeNet v1.0": lambda: squeezenet(
        Trunk(227).conv(96, 7, stride=2).pool(3), (16, 16, 32, None, 32, 48, 48, 64, None, 64)
    ),
    "SqueezeNet v1.1": lambda: squeezenet(
        Trunk(224).conv(64, 3, stride=2).pool(3), (16, 16, None, 32, 32, None, 48, 48, 64, 64)
    ),
    "Tiny Darknet": tiny_darknet,
    "1.0-SqNxt-23": lambda: sqnxt((6, 6, 8, 1), baseline=True),
    "1.0-SqNxt-23v2": lambda: sqnxt((6, 6, 8, 1)),
    "1.0-SqNxt-23v3": lambda: sqnxt((4, 8, 8, 1)),
    "1.0-SqNxt-23v4": lambda: sqnxt((2, 10, 8, 1)),
    "1.0-SqNxt-23v5": lambda: sqnxt((2, 4, 14, 1)),
    "MobileNet": lambda: mobilenet(same=True),
    "MobileNet symmetric": lambda: mobilenet(same=False),
    "2.0-SqNxt-23": lambda: sqnxt((6, 6, 8, 1), width=2, baseline=True),
    "2.0-SqNxt-23v4": lambda: sqnxt((2, 10, 8, 1), width=2),
    "2.0-SqNxt-23v5": lambda: sqnxt((2, 4, 14, 1), width=2),
}
