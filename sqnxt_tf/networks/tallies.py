"""Networks as counts of distinct layers, for a search over thousands of networks.

This is a third interpreter of the builders. A layer that was seen before, in this network or in another one, costs one
look-up. A new layer is made by the plain-row interpreter, the only place that knows shapes and counts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from sqnxt_tf.networks.ops import NOTHING, Activation, Epilogue, Kernel, Ops, Padding
from sqnxt_tf.networks.rows import LayerRow, Map, RowOps, Shape

LayerKey = tuple[object, ...]
NO_BLOCK = (0, 0)
"""Stage and block of the layers outside of all blocks."""


class TallyOps(Ops[Shape]):
    """Counts how often a network uses each distinct layer. A feature map is its shape; names of layers do not matter.

    `rows` are the distinct layers of all networks that were described so far. `begin` starts the count of a network,
    and `uses` returns it; `uses_by_block` returns it for each block of each stage.
    """

    def __init__(self) -> None:
        self.rows: list[LayerRow] = []
        self._known: dict[LayerKey, tuple[int, Shape]] = {}
        self._used: list[int] = []
        self._blocks: list[tuple[int, tuple[int, int]]] = []  # first place in `_used`, stage and block

    def begin(self) -> None:
        """Start to count another network."""
        self._used = []
        self._blocks = []

    def begin_block(self, stage: int, block: int) -> None:
        self._blocks.append((len(self._used), (stage, block) if block else NO_BLOCK))

    def uses(self) -> Counter[int]:
        """Return how often each distinct layer was used since `begin`, by its index in `rows`."""
        return Counter(self._used)

    def uses_by_block(self) -> dict[tuple[int, int], Counter[int]]:
        """Return the count of `uses` for each stage and block; layers outside of blocks are under `NO_BLOCK`."""
        found: dict[tuple[int, int], Counter[int]] = {NO_BLOCK: Counter()}
        begins = [(0, NO_BLOCK), *self._blocks]
        ends = [place for place, _ in self._blocks] + [len(self._used)]
        for (begin, key), end in zip(begins, ends, strict=True):
            found.setdefault(key, Counter()).update(self._used[begin:end])
        return found

    def input(self, height: int, width: int, channels: int) -> Shape:
        """Return the image that the network reads."""
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
        then: Epilogue = NOTHING,
        name: str,
    ) -> Shape:
        return self._use(
            ("conv", x, filters, kernel, stride, padding, groups, then.bias, then.batch_norm),
            lambda ops: ops.conv(
                Map("", x), filters, kernel, stride=stride, padding=padding, groups=groups, then=then, name=name
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

    def dense(self, x: Shape, units: int, *, then: Epilogue = NOTHING, name: str) -> Shape:
        return self._use(
            ("dense", x, units, then.bias, then.batch_norm),
            lambda ops: ops.dense(Map("", x), units, then=then, name=name),
        )

    def add(self, xs: Sequence[Shape], *, activation: Activation | None = None, name: str) -> Shape:
        return self._use(("add", *xs), lambda ops: ops.add([Map("", x) for x in xs], name=name))

    def concat(self, xs: Sequence[Shape], *, name: str) -> Shape:
        return self._use(("concat", *xs), lambda ops: ops.concat([Map("", x) for x in xs], name=name))

    def dropout(self, x: Shape, rate: float, *, name: str) -> Shape:
        return x

    def _use(self, key: LayerKey, define: Callable[[RowOps], Map]) -> Shape:
        """Count one more use of the layer that `key` identifies; `define` makes it if it is new."""
        found = self._known.get(key)
        if found is None:
            ops = RowOps()
            found = len(self.rows), define(ops).shape
            self.rows += ops.rows
            self._known[key] = found
        self._used.append(found[0])
        return found[1]
