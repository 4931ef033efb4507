"""The entries of an accelerator file: the range, unit and meaning of every number, by section and key."""

from __future__ import annotations

from sqnxt_sim.machine.accelerator_entries import Flag, Number
from sqnxt_sim.machine.accelerator_options import (
    ARRAY_OPTIONS,
    BLOCKS,
    BUFFER_OPTIONS,
    DRAM_OPTIONS,
    SCRATCHPAD,
)

SCHEMA: dict[str, dict[str, Number | Flag]] = {
    "array": {
        "rows": Number(low=1, high=1024, whole=True, unit="PEs", meaning="rows of the array"),
        "cols": Number(low=1, high=1024, whole=True, unit="PEs", meaning="columns of the array"),
        "word_bits": Number(
            low=1,
            high=64,
            whole=True,
            unit="bits",
            meaning="native width of operands, and of every buffer and DRAM word",
        ),
        "partial_sums_per_pe": Number(
            low=1,
            high=65536,
            whole=True,
            unit="words",
            meaning="register-file entries of a PE that hold partial sums in output stationary",
        ),
        "clock_hz": Number(low=1e3, high=1e11, unit="Hz", meaning="clock of the array"),
        "multiplier_bits": Number(
            low=1,
            high=64,
            whole=True,
            optional=True,
            unit="bits",
            meaning="width of the multipliers in a PE: wider operands take several cycles",
        ),
        "multipliers_per_pe": Number(
            low=1,
            high=1024,
            whole=True,
            optional=True,
            unit="multipliers",
            meaning="multipliers that narrow operands share, where multiplier_bits is given",
        ),
        **ARRAY_OPTIONS,
    },
    "buffer": {
        "bytes": Number(low=64, high=2**40, whole=True, unit="bytes", meaning="size of the global buffer"),
        "capacity_divisor": Number(
            low=1,
            high=64,
            optional=True,
            unit="copies",
            meaning="a tile fits when this many copies of it fit; 1 if it is left out",
        ),
        **BUFFER_OPTIONS,
    },
    "dram": {
        "bytes_per_second": Number(low=1e3, high=1e15, unit="bytes/s", meaning="effective bandwidth"),
        "latency_cycles": Number(
            low=0, high=1e6, unit="cycles", meaning="latency of a transfer, in cycles of the array"
        ),
        "weight_index_bits": Number(
            low=0,
            high=64,
            optional=True,
            unit="bits",
            meaning="output stationary layers store each nonzero weight with an index of this many bits, and no zeros",
        ),
        "weight_stationary_index_bits": Number(
            low=0, high=64, optional=True, unit="bits", meaning="the same for weight stationary layers"
        ),
        **DRAM_OPTIONS,
    },
    "scratchpad": SCRATCHPAD,
    "blocks": BLOCKS,
    "energy": {
        "mac": Number(low=0, high=1e6, unit="MACs", meaning="one MAC of native width: the unit, 1"),
        "register_file": Number(low=0, high=1e6, unit="MACs/word", meaning="one access to a register file"),
        "buffer": Number(low=0, high=1e6, unit="MACs/word", meaning="one access to the global buffer"),
        "dram": Number(low=0, high=1e6, unit="MACs/word", meaning="one access to the DRAM"),
        "mac_pj": Number(
            low=0, high=1e6, optional=True, unit="pJ", meaning="energy of a native MAC, for results in picojoules"
        ),
    },
    "vector": {
        "operations_per_cycle": Number(
            low=1e-3, high=1e6, unit="1/cycle", meaning="operations of the vector unit in a cycle"
        ),
        "operation_energy": Number(low=0, high=1e6, unit="MACs", meaning="one operation of the vector unit"),
        "window_operations_per_cycle": Number(
            low=1e-3,
            high=1e6,
            optional=True,
            unit="1/cycle",
            meaning="operations of MaxPool and AveragePool in a cycle, if these are faster",
        ),
    },
}
"""Every number of an accelerator file by section and key, in the order of a file."""

OPTIONAL_SECTIONS = {
    "scratchpad": "It is for the dataflow row_stationary.",
    "blocks": "It is for the dataflow output_block.",
    "vector": "Without it, what the array does not run costs nothing.",
}
"""Sections that a file may leave out as a whole, and what to know about that."""

GONE = ("layer_overhead_cycles", "search")
"""Keys that went away with model 1 of the accelerator."""

UNSTATED = "unstated"
"""Origin of a number that is written plainly, as in `rows = 16`."""

ORIGINS = ("paper", "published", "chosen", "fitted")
"""Origins that a file may state for a number; its note may name the source."""
