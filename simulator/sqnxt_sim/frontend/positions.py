"""Where the rows of a matrix come from: the images of a batch, and the positions of a map or of a sequence.

A dense layer on a map is a 1x1 convolution: all positions share its weights. A graph may bring the map into any shape
before it: [n, h, w, c], [n, h * w, c] or [n * h * w, c]. So every tensor is given the batch and the map of the last
convolution, pooling or graph input before it. A reader checks them against the number of rows that it sees.
"""

from __future__ import annotations

from math import prod
from typing import NamedTuple

from sqnxt_sim.layer_limits import MAX_MAP_SIZE


class Origin(NamedTuple):
    """The batch that a tensor belongs to, and the heights and widths that its map may have."""

    batch: int = 1
    maps: tuple[tuple[int, int], ...] = ()


class Rows(NamedTuple):
    """The rows of a matrix as a batch of maps."""

    batch: int
    height: int
    width: int


def rows_of(shape: tuple[int, ...], origin: Origin) -> Rows:
    """Return the rows of a tensor [..., channels] as a batch of maps.

    Example: a tensor [196, 64] whose origin is one image of 14x14 positions has one map of 14x14 rows, and [8, 64] of a
    batch of 8 has 8 maps of one row each. 50 rows that come from no map are a sequence, a map of 1x50.
    """
    count, batch = prod(shape[:-1]), origin.batch
    if count % batch:
        # The batch of the network is not among the rows, as for the regions of a detector.
        batch = count if len(shape) == 2 else shape[0]
    maps = [(shape[1], shape[2])] if len(shape) == 4 and shape[0] == batch else []
    for height, width in (*maps, *origin.maps):
        if height * width == count // batch:
            return Rows(batch=batch, height=height, width=width)
    return sequence(count // batch)._replace(batch=batch)


def sequence(length: int) -> Rows:
    """Return a map of height 1; a sequence longer than any side of a map is folded, since its rows are independent.

    One that no map can hold is returned as it is, for its layer to be refused.
    """
    least = -(-length // MAX_MAP_SIZE)
    height = next((height for height in range(max(least, 1), MAX_MAP_SIZE + 1) if length % height == 0), 1)
    return Rows(batch=1, height=height, width=length // height)


def origin_of_input(shape: tuple[int, ...]) -> Origin:
    """Return the origin of a graph's input; whether its channels come first or last is not known."""
    if len(shape) < 2:
        return Origin()
    maps = ((shape[2], shape[3]), (shape[1], shape[2])) if len(shape) == 4 else ()
    return Origin(batch=shape[0], maps=maps)
