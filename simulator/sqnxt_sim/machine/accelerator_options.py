"""Entries that most accelerators do without: what differs by operand, other dataflows, buffers that keep maps."""

from __future__ import annotations

from sqnxt_sim.machine.accelerator_entries import Flag, Number

_OPERANDS = {"input": "inputs", "weight": "weights", "output": "outputs and partial sums"}


def _bytes(meaning: str) -> Number:
    return Number(low=64, high=2**40, whole=True, optional=True, unit="bytes", meaning=meaning)


def _few(meaning: str, unit: str = "", *, high: int = 1024) -> Number:
    return Number(low=1, high=high, whole=True, unit=unit, meaning=meaning)


def _granule(meaning: str) -> Number:
    return Number(low=1, high=2**20, whole=True, optional=True, unit="bytes", meaning=meaning)


ARRAY_OPTIONS: dict[str, Number | Flag] = {
    "systolic": Flag(
        meaning="rows of PEs hold any tap of any input channel, and each block of weights loads, streams and drains "
        "before the next one; for the dataflow weight_stationary alone"
    )
}

BUFFER_OPTIONS: dict[str, Number | Flag] = {
    "double_buffered": Flag(
        meaning="the next tile loads while one is worked on: twice as many copies of a tile must fit"
    ),
    "keeps_maps": Flag(
        meaning="a map of at most half of the buffer stays there from the layer that writes it to the one that reads it"
    ),
    **{f"{key}_bytes": _bytes(f"part of the buffer that {name} may take") for key, name in _OPERANDS.items()},
    **{
        f"{key}_words_per_cycle": Number(
            low=1e-3, high=1e6, optional=True, unit="words/cycle", meaning=f"{name} that pass to or from the array"
        )
        for key, name in _OPERANDS.items()
    },
}

DRAM_OPTIONS: dict[str, Number | Flag] = {
    "activation_index_bits": Number(
        low=0,
        high=64,
        optional=True,
        unit="bits",
        meaning="maps whose zeros are known are stored compressed, each nonzero value with an index of this many bits",
    ),
    "weight_bytes_per_second": Number(
        low=1e3, high=1e15, optional=True, unit="bytes/s", meaning="bandwidth of a memory of its own for weights"
    ),
    "weight_latency_cycles": Number(
        low=0, high=1e6, optional=True, unit="cycles", meaning="latency of a memory of its own for weights"
    ),
    "pipelined": Flag(meaning="so many requests are in flight that only bandwidth costs time, across layers too"),
    "input_overfetch": Number(
        low=1,
        high=1024,
        optional=True,
        unit="times",
        meaning="a network's input of 8 channels or fewer moves this many times its bytes, where the buffer keeps maps",
    ),
}

SCRATCHPAD: dict[str, Number | Flag] = {
    f"{key}_words": _few(f"{name} that a PE keeps", "words", high=65536) for key, name in _OPERANDS.items()
}
"""The section for `row_stationary`."""

BLOCKS: dict[str, Number | Flag] = {
    "pixel_rows": _few("output rows of a step", "rows"),
    "pixel_cols": _few("output columns of a step", "columns"),
    "out_channels": _few("output channels of a step", "channels"),
    "in_channels": _few("input channels that a cycle multiplies and adds up", "channels"),
    "step_cycles": _few("cycles of a step, which cover as many times more channels of a tap, or taps", "cycles"),
    "block_bytes": Number(
        low=64, high=2**40, whole=True, unit="bytes", meaning="memory for a block's inputs and accumulators, each twice"
    ),
    "input_granule_bytes": _granule("inputs take a multiple of this"),
    "accumulator_granule_bytes": _granule("accumulators take a multiple of this"),
    "accumulator_bits": _few("width of an accumulator", "bits", high=128),
    "max_rows": _few("most output rows of a block", "rows"),
    "max_cols": _few("most output columns of a block", "columns"),
    "max_channels": _few("most output channels of a block", "channels"),
    "join_operations": Number(
        low=0,
        high=1024,
        optional=True,
        unit="operations",
        meaning="work of the vector unit for each output of a grouped convolution, whose groups run one by one",
    ),
}
"""The section for `output_block`."""
