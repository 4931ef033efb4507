"""Options of a simulation: what is assumed of the network, and the shapes that it leaves free."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulateOptions:
    """What a simulation assumes of a network.

    Attributes:
        dataflow: `best` (the faster one, layer by layer), `weight_stationary` or `output_stationary`.
        sparsity: Assume this fraction of zero weights instead of counting them.
        precision: Assume this precision instead of the graph's own.
        strict: Refuse a graph with operators that do real work and have no cost model.
        batch: Number of images, for a graph that leaves it free.
        input_size: Side in pixels or (height, width), for a graph that leaves it free.
        dims: Sizes of other dimensions that a graph leaves free, by name.
        classes: Number of classes, for a network's name; 1000 if None.
    """

    dataflow: str = "best"
    sparsity: float | None = None
    precision: str | None = None
    strict: bool = False
    batch: int | None = None
    input_size: int | tuple[int, int] | None = None
    dims: Mapping[str, int] | None = None
    classes: int | None = None
