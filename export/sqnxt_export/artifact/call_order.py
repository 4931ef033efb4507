"""The order in which the layer calls of a model can be made, found in one pass whatever the order in the file."""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Collection, Hashable, Sequence


def call_order(needs: Sequence[Collection[Hashable]], makes: Sequence[Hashable]) -> list[int]:
    """Return the numbers of the calls in an order in which each finds its inputs; the file's own order where that does.

    Args:
        needs: The outputs that each call reads.
        makes: The output that each call makes.

    Returns:
        The numbers; those of calls whose inputs are never made are left out.
    """
    readers = defaultdict[Hashable, list[int]](list)
    missing = []
    for number, outputs in enumerate(needs):
        missing.append(len(set(outputs)))
        for output in set(outputs):
            readers[output].append(number)
    ready = [number for number, count in enumerate(missing) if not count]
    order = []
    while ready:  # a heap: the first call of the file among those that can be made
        order.append(heapq.heappop(ready))
        for reader in readers.pop(makes[order[-1]], ()):
            missing[reader] -= 1
            if not missing[reader]:
                heapq.heappush(ready, reader)
    return order
