"""Cycles and energy of an ONNX graph on an array of processing elements, layer by layer.

report = simulate(read_onnx("model.onnx"), load_accelerator("squeezelerator-16x16"))
report.cycles, report.energy.total, report.to_json()
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqnxt_sim.accelerator import (
        Accelerator,
        Dram,
        EnergyTable,
        GlobalBuffer,
        Origin,
        PEArray,
        TileSearch,
        VectorUnit,
    )
    from sqnxt_sim.accelerator_file import accelerator_text, list_accelerators, load_accelerator
    from sqnxt_sim.costs import LayerCost, Roofline, VectorCost
    from sqnxt_sim.dataflows import Dataflow
    from sqnxt_sim.errors import SimulatorError
    from sqnxt_sim.layers import ConvLayer, LiveActivations, Uncosted, UncostedLayer, VectorWork, Workload
    from sqnxt_sim.onnx_reader import read_onnx
    from sqnxt_sim.report import IDEALISATIONS, NetworkReport
    from sqnxt_sim.search import Bound, Cycles, Energy, TilingCost
    from sqnxt_sim.simulator import PRECISIONS, simulate
    from sqnxt_sim.tiling import Tiling

# Where each name lives: imported when first asked for, so that importing the package costs nothing.
_HOMES = {
    "IDEALISATIONS": "report",
    "PRECISIONS": "simulator",
    "Accelerator": "accelerator",
    "Bound": "search",
    "ConvLayer": "layers",
    "Cycles": "search",
    "Dataflow": "dataflows",
    "Dram": "accelerator",
    "Energy": "search",
    "EnergyTable": "accelerator",
    "GlobalBuffer": "accelerator",
    "LayerCost": "costs",
    "LiveActivations": "layers",
    "NetworkReport": "report",
    "Origin": "accelerator",
    "PEArray": "accelerator",
    "Roofline": "costs",
    "SimulatorError": "errors",
    "TileSearch": "accelerator",
    "Tiling": "tiling",
    "TilingCost": "search",
    "Uncosted": "layers",
    "UncostedLayer": "layers",
    "VectorCost": "costs",
    "VectorUnit": "accelerator",
    "VectorWork": "layers",
    "Workload": "layers",
    "accelerator_text": "accelerator_file",
    "list_accelerators": "accelerator_file",
    "load_accelerator": "accelerator_file",
    "read_onnx": "onnx_reader",
    "simulate": "simulator",
}

__all__ = [
    "IDEALISATIONS",
    "PRECISIONS",
    "Accelerator",
    "Bound",
    "ConvLayer",
    "Cycles",
    "Dataflow",
    "Dram",
    "Energy",
    "EnergyTable",
    "GlobalBuffer",
    "LayerCost",
    "LiveActivations",
    "NetworkReport",
    "Origin",
    "PEArray",
    "Roofline",
    "SimulatorError",
    "TileSearch",
    "Tiling",
    "TilingCost",
    "Uncosted",
    "UncostedLayer",
    "VectorCost",
    "VectorUnit",
    "VectorWork",
    "Workload",
    "accelerator_text",
    "list_accelerators",
    "load_accelerator",
    "read_onnx",
    "simulate",
]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return __all__
