"""Vela's estimate of each layer beside this project's simulation of the same file."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqnxt_sim import NetworkReport, read_model
from sqnxt_sim.frontend.tflite_outputs import NamedLayer, layers_by_output
from sqnxt_tf.device.vela import VelaEstimate, VelaRow

_WEIGHTED = ("Conv2D", "DepthwiseConv2D", "FullyConnected")
"""Vela's names of the operators with weights."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NpuLayer:
    """One layer: Vela's cycles, and the simulator's, None where it has no cost for it or nothing was simulated."""

    name: str
    op: str
    on_npu: bool
    macs: int
    vela_cycles: int
    simulated_cycles: float | None

    def to_json(self) -> dict[str, Any]:
        """Return an entry of `npu.layers` in the `benchmark` document."""
        return {
            "name": self.name,
            "op": self.op,
            "on_npu": self.on_npu,
            "macs": self.macs,
            "vela_cycles": self.vela_cycles,
            "simulated_cycles": self.simulated_cycles,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class NpuLayers:
    """The layers of a file on an NPU, as estimated by Vela and by the simulator.

    `accelerator` is the array that was simulated, None where no preset describes the NPU; `simulated_cycles` are those
    of the whole network on it.
    """

    path: Path
    estimate: VelaEstimate
    accelerator: str | None
    simulated_cycles: float | None
    layers: tuple[NpuLayer, ...]

    def to_json(self) -> dict[str, Any]:
        """Return what an NPU adds to an entry of the `benchmark` document."""
        estimate = self.estimate
        names = ("npu", "version", "system", "memory", "clock_hz", "cycles", "milliseconds", "sram_bytes")
        return {
            **{name: getattr(estimate, name) for name in names},
            "is_estimate": True,
            "cpu_operators": list(estimate.cpu_operators),
            "accelerator": self.accelerator,
            "simulated_cycles": self.simulated_cycles,
            "layers": [layer.to_json() for layer in self.layers],
        }


def npu_layers(path: Path, estimate: VelaEstimate, report: NetworkReport | None = None) -> NpuLayers:
    """Set Vela's rows beside the simulated layers of the same file.

    A grouped convolution is a row for each group and one that joins them; they count as the one layer that they are.

    Raises:
        SimulatorError: The file cannot be read.
    """
    simulated: dict[str, float] = defaultdict(float)
    for cost in report.costs if report is not None else ():
        simulated[cost.name.partition(" phase ")[0]] += cost.cycles
    macs = {layer.name: layer.macs for layer in read_model(path).conv_layers}
    rows = _rows_of_layers(estimate.rows, layers_by_output(path), macs)
    return NpuLayers(
        path=path,
        estimate=estimate,
        accelerator=None if report is None else report.accelerator.name,
        simulated_cycles=None if report is None else report.cycles,
        layers=tuple(
            NpuLayer(
                name=layer.name,
                op=layer.op,
                on_npu=all(row.on_npu for row in parts),
                macs=macs.get(layer.name, sum(row.macs for row in parts)),
                vela_cycles=sum(row.cycles for row in parts),
                simulated_cycles=simulated.get(layer.name),
            )
            for layer, parts in rows.items()
        ),
    )


def _rows_of_layers(
    rows: Sequence[VelaRow], outputs: Mapping[str, NamedLayer], macs: Mapping[str, int]
) -> dict[NamedLayer, list[VelaRow]]:
    """Return the rows of each layer, in the order of execution."""
    by_name = {layer.name: layer for layer in outputs.values()}
    found: dict[NamedLayer, list[VelaRow]] = {}
    for row in rows:
        layer = _layer_of(row, outputs)
        if row.macs and row.operator in _WEIGHTED and layer.name not in macs:
            # a convolution that writes its part of a joined map, or the output of an activation, itself
            writers = (by_name[name] for name in layer.feeders if macs.get(name) == row.macs)
            layer = next((writer for writer in writers if writer not in found), layer)
        found.setdefault(layer, []).append(row)
    return found


def _layer_of(row: VelaRow, outputs: Mapping[str, NamedLayer]) -> NamedLayer:
    """Return the layer whose output a row's tensor is, or is a part of: the longest name that begins it."""
    if row.tensor in outputs:
        return outputs[row.tensor]
    begun = [name for name in outputs if name and row.tensor.startswith(name)]
    return outputs[max(begun, key=len)] if begun else NamedLayer(row.tensor or row.operator, row.operator)
