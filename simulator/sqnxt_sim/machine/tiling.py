"""All tilings of a layer, which of them fit the buffer, and the DRAM words that each moves.

Arrays are broadcastable to a grid with the two axes [channel tilings, map tilings]. Source: the tiling of SqueezeNext
(arXiv 1803.10615), section 3, "Hardware Simulation Setup", over the x, y, c and k loops.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sqnxt_sim.errors import NoRoomError, SimulatorError
from sqnxt_sim.machine.accelerator import Accelerator, Dataflow, PEArray
from sqnxt_sim.machine.axes import Array, horizontal_dimension, vertical_dimension
from sqnxt_sim.machine.candidates import (
    ChannelTilings,
    MapTilings,
    channel_tilings,
    depthwise_tilings,
    map_tilings,
)
from sqnxt_sim.workload import ConvLayer

# A larger grid would take gigabytes. 227x227 networks stay below 2**16, and images of 8000x8000 below this limit.
_MAX_TILINGS = 2**22


@dataclass(frozen=True, slots=True, kw_only=True)
class Tiling:
    """Size of one tile: output rows and columns, and input and output channels of a group."""

    rows: int
    cols: int
    in_channels: int
    out_channels: int


class WordScale(NamedTuple):
    """Native words that one activation and one weight of a layer take.

    `stored_weight` is the mean over all weights as DRAM stores them; it is less than `weight` if they are compressed.
    `stored_input` and `stored_output` are those of maps; they are 0 where the buffer keeps the map.
    """

    activation: float
    weight: float
    stored_weight: float
    stored_input: float
    stored_output: float

    def output_words(self, layer: ConvLayer, in_tiles: Array) -> Array:
        """Return the words of outputs that DRAM moves: partial sums that leave the buffer, and the results."""
        outputs, sums = layer.out_pixels * layer.out_channels, self.activation if self.stored_output else 0.0
        return in_tiles * (2 * sums * outputs) + (self.stored_output - 2 * sums) * outputs


class TilingSpace(NamedTuple):
    """All tilings of one layer that may be the best one, for one image.

    Attributes:
        maps: Tilings of the output map, along the second axis of the grid.
        channels: Tilings of the channels, along its first axis.
        tile_words: Native words that the largest tile takes in the buffer.
        fits: True for the tilings that fit the buffer.
        rounds: Number of tiles over all loops.
    """

    maps: MapTilings
    channels: ChannelTilings
    tile_words: Array
    fits: NDArray[np.bool_]
    rounds: Array

    def at(self, place: tuple[int, int]) -> Tile:
        """Return the figures of the tiling at a place of the grid."""
        of_channels = [figure.item(place[0]) for figure in self.channels]
        of_map = [figure.item(place[1]) for figure in self.maps]
        return Tile._make((*of_map, *of_channels, self.tile_words.item(place), self.rounds.item(place)))


class Tile(NamedTuple):
    """Figures of one tiling: those of `MapTilings`, of `ChannelTilings`, and of its place in a `TilingSpace`."""

    rows: float
    cols: float
    pixels: float
    map_tiles: float
    pixel_blocks: float
    extent: float
    extent_total: float
    stream: float
    in_channels: float
    out_channels: float
    read_channels: float
    in_tiles: float
    out_tiles: float
    in_blocks: float
    out_blocks: float
    register_blocks: float
    words: float
    rounds: float

    @property
    def tiling(self) -> Tiling:
        """The sizes of a tile."""
        return Tiling(
            rows=int(self.rows),
            cols=int(self.cols),
            in_channels=int(self.in_channels),
            out_channels=int(self.out_channels),
        )

    def load_words(self, layer: ConvLayer, scale: WordScale) -> float:
        """Return the words that DRAM moves for the largest tile's inputs and weights, as stored."""
        weights = layer.kernel_size * self.in_channels * self.out_channels
        return self.extent * (self.read_channels * scale.stored_input) + weights * scale.stored_weight

    def store_words(self, scale: WordScale) -> float:
        """Return the words of the largest tile's outputs."""
        return self.pixels * (self.out_channels * scale.stored_output)


def word_scale(layer: ConvLayer, accelerator: Accelerator, dataflow: Dataflow) -> WordScale:
    """Return the native words that a value takes at the layer's bits, with floats at the native width.

    Outputs and partial sums count at the width of the layer's input activations. Example: on an array of 16-bit words,
    8-bit activations and weights take half a word each.
    """
    native = accelerator.array.word_bits
    weight_bits = layer.weight_bits or native
    activation_bits, dram = layer.activation_bits or native, accelerator.dram
    nonzero = 1.0 if layer.nonzero_weights is None else layer.nonzero_weights / layer.weights
    input_bits, output_bits = dram.stored_map_bits(activation_bits, layer.input_zeros, layer.output_zeros)
    if accelerator.buffer.keeps_maps:
        input_bits *= _fetches(layer, accelerator, activation_bits)
        output_bits *= not accelerator.keeps(layer.out_pixels * layer.out_channels, activation_bits)
    return WordScale(
        activation=activation_bits / native,
        weight=weight_bits / native,
        stored_weight=dram.stored_weight_bits(dataflow, weight_bits, nonzero) / native,
        stored_input=input_bits / native,
        stored_output=output_bits / native,
    )


def _fetches(layer: ConvLayer, accelerator: Accelerator, activation_bits: int) -> float:
    """Return how many times its own bytes a layer's input takes from DRAM: none if the layer before left it behind."""
    if not accelerator.buffer.holds_input:
        return accelerator.dram.overfetch(layer.in_channels)
    return float(not accelerator.keeps(layer.in_pixels * layer.in_channels, activation_bits))


def cycles_per_mac(layer: ConvLayer, array: PEArray) -> float:
    """Return the cycles of one MAC of the layer on a PE, with floats at the native width."""
    return array.cycles_per_mac(layer.activation_bits or array.word_bits, layer.weight_bits or array.word_bits)


def tiling_space(layer: ConvLayer, accelerator: Accelerator) -> TilingSpace:
    """Return all tilings of `layer` that may be the best one for either dataflow.

    Raises:
        SimulatorError: No tiling fits the buffer, or there are too many to search.
    """
    maps, channels = _candidates(layer, accelerator.array)
    refuse_many(layer, maps.tiles.size * channels.in_tiles.size)
    space = space_of(layer, accelerator, maps, channels)
    if not space.fits.any():
        raise NoRoomError(
            f"layer {layer.name!r}",
            f"not even the smallest tile fits the {accelerator.buffer.bytes} byte buffer of {accelerator.name}",
            "use an accelerator with a larger buffer",
        )
    return space


def refuse_many(layer: ConvLayer, tilings: int) -> None:
    """Refuse a layer with too many tilings to search.

    Raises:
        SimulatorError: There are too many.
    """
    if tilings > _MAX_TILINGS:
        fault = f"{tilings} tilings are too many to search"
        raise SimulatorError(f"layer {layer.name!r}", fault, "use a smaller input")


def space_of(layer: ConvLayer, accelerator: Accelerator, maps: MapTilings, channels: ChannelTilings) -> TilingSpace:
    """Return the tilings of two axes, whether any of them fits the buffer or not."""
    tile_words = _tile_words(layer, accelerator, maps, channels)
    groups = 1 if layer.is_depthwise else layer.groups
    return TilingSpace(
        maps=maps,
        channels=channels,
        tile_words=tile_words,
        fits=accelerator.buffer.copies * tile_words <= accelerator.buffer_words,
        rounds=maps.tiles * (channels.in_tiles * channels.out_tiles * groups),
    )


def _candidates(layer: ConvLayer, array: PEArray) -> tuple[MapTilings, ChannelTilings]:
    vertical = vertical_dimension(layer, array.rows)
    horizontal = horizontal_dimension(layer, array.cols)
    maps = map_tilings(vertical, horizontal, array.rows / cycles_per_mac(layer, array))
    k, sums = layer.group_out_channels, array.partial_sums_per_pe
    if layer.is_depthwise:
        return maps, depthwise_tilings(layer.groups, k, cols=array.cols, partial_sums=sums)
    c = layer.group_in_channels
    return maps, channel_tilings(c, k, rows=array.rows, cols=array.cols, partial_sums=sums)


def _tile_words(layer: ConvLayer, accelerator: Accelerator, maps: MapTilings, channels: ChannelTilings) -> Array:
    """Return the words of inputs, weights and outputs of the largest tile; the buffer holds weights dense."""
    scale = word_scale(layer, accelerator, Dataflow.WEIGHT_STATIONARY)
    weights = channels.in_channels * channels.out_channels * (layer.kernel_size * scale.weight)
    inputs = maps.extent * (channels.read_channels * scale.activation)
    return inputs + maps.pixels * (channels.out_channels * scale.activation) + weights


def dram_words(
    layer: ConvLayer, scale: WordScale, stored_weight: float | Array, maps: MapTilings, channels: ChannelTilings
) -> Array:
    """Return the words between DRAM and buffer, with the loops over map, input and output channel tiles in best order.

    `stored_weight` stands for that of `scale`; several of it, [dataflows, 1, 1], give as many grids.

    A tensor is fetched again for every round of the loop that it does not depend on, unless that loop is innermost.
    Partial sums that leave the buffer are written and read back. So only the innermost loop matters: three orders.

    Example with 2 map, 2 input channel and 4 output channel tiles, of 100 inputs, 50 weights and 200 outputs. Map
    innermost: inputs 4 times, weights once, outputs 3 times = 1050. Input channels innermost: inputs 4 times, weights
    twice, outputs once = 700. Output channels innermost: inputs once, weights twice, outputs 3 times = 800.
    """
    inputs = maps.extent_total * (layer.in_channels * scale.stored_input)
    weights = layer.weights * stored_weight
    outputs = layer.out_pixels * layer.out_channels * scale.stored_output
    if layer.is_depthwise:
        return inputs * np.ones_like(channels.out_tiles) + (weights + outputs)
    reloaded, spilled = weights * maps.tiles, scale.output_words(layer, channels.in_tiles)
    # Inputs are read once for each tile of output channels, unless that loop is innermost.
    outs_innermost = (inputs + reloaded) + spilled
    others = inputs * channels.out_tiles + np.minimum(reloaded + outputs, weights + spilled)
    words: Array = np.minimum(outs_innermost, others)
    return words
