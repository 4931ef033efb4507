"""The dataflows that an accelerator file declares, checked against the sections that they need."""

from __future__ import annotations

from collections.abc import Mapping

from sqnxt_sim.machine.accelerator import Dataflow
from sqnxt_sim.machine.accelerator_faults import Faults

DEFAULT: tuple[Dataflow, ...] = (Dataflow.WEIGHT_STATIONARY, Dataflow.OUTPUT_STATIONARY)
"""The dataflows of an accelerator that declares none: those of the SqueezeNext paper."""

_NEEDS = {Dataflow.ROW_STATIONARY: "scratchpad", Dataflow.OUTPUT_BLOCK: "blocks"}
"""Section that a dataflow needs."""


def declared_dataflows(
    declared: object, sections: Mapping[str, Mapping[str, object]], faults: Faults
) -> tuple[Dataflow, ...]:
    """Return the dataflows that a file's `dataflows` names, and add what is wrong with them to `faults`.

    They must be a list of known ones, each once, and the file has the sections that they need.
    """
    found: tuple[Dataflow, ...] = DEFAULT
    if declared is not None:
        if not isinstance(declared, list) or not declared or any(one not in tuple(Dataflow) for one in declared):
            faults.add(f"dataflows is {declared!r}", f"it must be a list of {', '.join(Dataflow)}")
            return found
        found = tuple(map(Dataflow, declared))
    if len(set(found)) < len(found):
        faults.add("dataflows names one twice", "name each once")
    for dataflow, section in _NEEDS.items():
        if dataflow in found and section not in sections:
            faults.add(f"section [{section}] is missing", f"add it, or leave {dataflow} out of dataflows")
    if sections.get("array", {}).get("systolic") and found != (Dataflow.WEIGHT_STATIONARY,):
        faults.add("array.systolic is true", 'it needs dataflows = ["weight_stationary"]')
    return found
