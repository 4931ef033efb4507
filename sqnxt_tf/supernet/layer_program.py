"""The layers of a supernet in execution order, by block, with the channels that each has at each width."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import groupby

from sqnxt_tf.networks.rows import LayerRow, Map, RowOps
from sqnxt_tf.networks.squeezenext import sqnxt
from sqnxt_tf.networks.tallies import NO_BLOCK
from sqnxt_tf.supernet.choices import STEM, WIDTH, SupernetChoices


@dataclass(frozen=True, slots=True)
class NormSlot:
    """The place of a layer's channels in the vector of all batch-norm statistics."""

    begin: int
    channels: int

    @property
    def slice(self) -> slice:
        """The slice of the layer's channels."""
        return slice(self.begin, self.begin + self.channels)


@dataclass(frozen=True, slots=True)
class Segment:
    """Layers that follow each other in one block of a stage, or between blocks: `stage` and `block` are then 0."""

    stage: int
    block: int
    rows: tuple[LayerRow, ...]


@dataclass(frozen=True, kw_only=True)
class LayerProgram:
    """The layers of the largest network of a supernet.

    Attributes:
        segments: The layers by block, in execution order.
        filters: Output channels of each convolution at each width, by its name.
        slots: The place of each batch norm among all statistics, by the name of its convolution.
        channels: The number of channels of all batch norms together.
    """

    segments: tuple[Segment, ...]
    filters: dict[str, tuple[int, ...]] = field(default_factory=dict)
    slots: dict[str, NormSlot] = field(default_factory=dict)
    channels: int = 0

    @classmethod
    def of(cls, choices: SupernetChoices, classes: int) -> LayerProgram:
        """Return the layers of the largest network of a supernet."""
        largest = choices.largest
        by_width = [
            _described(choices, (*largest[:WIDTH], width, *largest[STEM:]), classes)
            for width in range(len(choices.widths))
        ]
        widest = by_width[-1]
        filters: dict[str, list[int]] = {}
        for ops in by_width:
            for row in ops.rows:
                filters.setdefault(row.name, []).append(row.out_shape[2])
        slots, begin = {}, 0
        for row in widest.rows:
            if row.norm_channels:
                slots[row.name] = NormSlot(begin, row.norm_channels)
                begin += row.norm_channels
        pairs = zip(widest.blocks, widest.rows, strict=True)
        segments = tuple(
            Segment(stage, block, tuple(row for _, row in group))
            for (stage, block), group in groupby(pairs, key=lambda pair: pair[0])
        )
        return cls(
            segments=segments, filters={name: tuple(found) for name, found in filters.items()}, slots=slots,
            channels=begin,
        )  # fmt: skip


class _BlockRows(RowOps):
    """Layer rows, and the stage and block that each belongs to."""

    def __init__(self) -> None:
        super().__init__()
        self.blocks: list[tuple[int, int]] = []
        self._block = NO_BLOCK

    def begin_block(self, stage: int, block: int) -> None:
        self._block = (stage, block) if block else NO_BLOCK

    def _append(self, row: LayerRow) -> Map:
        self.blocks.append(self._block)
        return super()._append(row)


def _described(choices: SupernetChoices, choice: tuple[int, ...], classes: int) -> _BlockRows:
    ops, size = _BlockRows(), choice[-1]
    sqnxt(ops, ops.input(size, size, 3), classes, choices.spec(choice))
    return ops
