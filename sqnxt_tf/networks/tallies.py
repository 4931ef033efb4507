"""Networks as tallies of distinct layers: what a search over thousands of them needs, and nothing else.

A third interpreter of the builders. A layer that was seen before, in this network or in another one, is a look-up;
a new one is made by the plain-row interpreter, which stays the only place that knows shapes and counts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from sqnxt_tf.networks.ops import Activation, Kernel, Ops, Padding
from sqnxt_tf.networks.rows import LayerRow, Map, RowOps, Shape

Key = tuple[object, ...]


class TallyOps(Ops[Shape]):
    """Counts how often a network uses each distinct layer; a map is its shape, and names are not looked at.

    `rows` are the distinct layers of all networks that were defined with it. Those of one network are counted from
    `begin` to `uses`.
    """

    def __init__(self) -> None:
        self.rows: list[LayerRow] = []
        self._known: dict[Key, tuple[int, Shape]] = {}
        self._used: list[int] = []

    def begin(self) -> None:
        """Start on another network."""
        self._used = []

    def uses(self) -> Counter[int]:
        """How often each distinct layer, by its place in `rows`, was used since `begin`."""
        return Counter(self._used)

    def input(self, height: int, width: int, channels: int) -> Shape:
        """The image that the network reads."""
        return (height, width, channels)

    def conv(
        self,
        x: Shape,
        filters: int,
        kernel: Kernel,
        *,
        stride: int = 1,
        padding: Padding = "same",
        groups: int = 1,
        bias: bool = False,
        batch_norm: bool = False,
        activation: Activation | None = None,
        name: str,
    ) -> Shape:
        return self._use(
            ("conv", x, filters, kernel, stride, padding, groups, bias, batch_norm),
            lambda ops: ops.conv(
                Map("", x),
                filters,
                kernel,
                stride=stride,
                padding=padding,
                groups=groups,
                bias=bias,
                batch_norm=batch_norm,
                name=name,
            ),
        )

    def depthwise_conv(self, x: Shape, kernel: Kernel, *, stride: int = 1, name: str) -> Shape:
        return self._use(
            ("depthwise", x, kernel, stride),
            lambda ops: ops.depthwise_conv(Map("", x), kernel, stride=stride, name=name),
        )

    def max_pool(self, x: Shape, size: int, *, stride: int = 2, name: str) -> Shape:
        return self._use(
            ("max pool", x, size, stride), lambda ops: ops.max_pool(Map("", x), size, stride=stride, name=name)
        )

    def global_average_pool(self, x: Shape, *, name: str) -> Shape:
        return self._use(("average", x), lambda ops: ops.global_average_pool(Map("", x), name=name))

    def dense(self, x: Shape, units: int, *, bias: bool, activation: Activation | None = None, name: str) -> Shape:
        return self._use(("dense", x, units, bias), lambda ops: ops.dense(Map("", x), units, bias=bias, name=name))

    def add(self, xs: Sequence[Shape], *, activation: Activation | None = None, name: str) -> Shape:
        return self._use(("add", *xs), lambda ops: ops.add([Map("", x) for x in xs], name=name))

    def concat(self, xs: Sequence[Shape], *, name: str) -> Shape:
        return self._use(("concat", *xs), lambda ops: ops.concat([Map("", x) for x in xs], name=name))

    def dropout(self, x: Shape, rate: float, *, name: str) -> Shape:
        return x

    def _use(self, key: Key, define: Callable[[RowOps], Map]) -> Shape:
        """One more use of the layer that `key` tells from all others; `define` makes it where it is new."""
        found = self._known.get(key)
        if found is None:
            ops = RowOps()
            found = len(self.rows), define(ops).shape
            self.rows += ops.rows
            self._known[key] = found
        self._used.append(found[0])
        return found[1]
