"""Simplifications of the cost model, in words, for each kind of machine; "Idealisations" in the documentation."""

from __future__ import annotations

from sqnxt_sim.machine.accelerator import Accelerator, Dataflow

_ALWAYS = "unlimited prefetch (the longer of two overlapping phases counts, not a sum of maxima)"
_OF_A_DATAFLOW = {
    Dataflow.OUTPUT_STATIONARY: (
        "output stationary drains partial sums once a channel tile in time and moves them twice in energy"
    ),
    Dataflow.WEIGHT_STATIONARY: (
        "weight stationary reads inputs and partial sums at no cost in time, and padding as if it were data"
    ),
    Dataflow.ROW_STATIONARY: "row stationary takes groups one after the other",
    Dataflow.OUTPUT_BLOCK: (
        "output blocks take no time for commands, and let outputs leave at one rate whatever their activation"
    ),
}
_OF_ROUNDS = (
    "a round pays the DRAM latency even when it fetches nothing",
    "the largest tile stands for the first load and the last store, and the mean tile for the last one's work",
)

IDEALISATIONS = (
    _ALWAYS,
    _OF_A_DATAFLOW[Dataflow.OUTPUT_STATIONARY],
    _OF_A_DATAFLOW[Dataflow.WEIGHT_STATIONARY],
    *_OF_ROUNDS,
)
"""Simplifications of the model of the SqueezeNext paper's accelerator, shown with its figures."""


def idealisations_of(accelerator: Accelerator) -> tuple[str, ...]:
    """Return the simplifications that matter on an accelerator."""
    dataflows = tuple(text for dataflow, text in _OF_A_DATAFLOW.items() if dataflow in accelerator.dataflows)
    tiled = set(accelerator.dataflows) & {Dataflow.WEIGHT_STATIONARY, Dataflow.OUTPUT_STATIONARY}
    rounds = _OF_ROUNDS if tiled and not accelerator.dram.pipelined else ()
    return (_ALWAYS, *dataflows, *rounds)
