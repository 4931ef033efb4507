"""A report as the `simulate` document for `json.dumps`. Cycles and energies are not rounded.

Every layer has the same keys, so that the layers form a table. For a layer without a cost, figures that add up are 0
and the others are null.
"""

from __future__ import annotations

from typing import Any

from sqnxt_sim.machine.accelerator import Accelerator
from sqnxt_sim.machine.layer_costs import LayerCost, Roofline, VectorCost
from sqnxt_sim.machine.tiling import Tiling
from sqnxt_sim.machine.tiling_cost import Cycles, Energy, RowMapping
from sqnxt_sim.report import NetworkReport
from sqnxt_sim.workload import ConvLayer, OffArrayNode


def report_json(report: NetworkReport) -> dict[str, Any]:
    """Return the document.

    The `status` of a layer is `costed`, `vector_unit` or one of `OffArrayReason`. `complete` tells whether every node
    that does real work has a cost model and, on an accelerator with a vector unit, known shapes.
    """
    return {
        "model": report.model,
        "input_shapes": [list(shape) for shape in report.input_shapes],
        "accelerator": report.accelerator.name,
        "clock_hz": report.accelerator.array.clock_hz,
        "total": _total(report),
        "layers": [_row(layer, report.accelerator) for layer in report.layers],
        "complete": report.complete,
        "notes": list(report.notes),
        "idealisations": list(report.idealisations),
    }


def _total(report: NetworkReport) -> dict[str, Any]:
    cycles, peak = report.cycles, report.peak_activations
    return {
        "cycles": cycles,
        "time_ms": report.time_ms,
        **_energies(report.energy, report.accelerator),
        "macs": report.macs,
        "dram_bytes": report.dram_bytes,
        "efficiency_macs_per_cycle": report.macs / cycles if cycles else 0.0,
        "utilisation": report.utilisation,
        "peak_buffer_bytes": max((layer.buffer_bytes for layer in report.costed), default=0.0),
        "buffer_bytes": report.accelerator.buffer.bytes,
        "peak_activation_bytes": None if peak is None else report.live_bytes(peak),
        "peak_activation_node": None if peak is None else peak.node,
        "nodes_beyond_buffer": [live.node for live in report.beyond_buffer],
        "roofline": {
            "peak_macs_per_cycle": report.accelerator.peak_macs_per_cycle,
            "dram_bytes_per_cycle": report.accelerator.dram_bytes_per_cycle,
        },
    }


def _row(layer: LayerCost | VectorCost | OffArrayNode, accelerator: Accelerator) -> dict[str, Any]:
    if isinstance(layer, LayerCost):
        figures = _on_array(layer)
    elif isinstance(layer, VectorCost):
        figures = _on_vector_unit(layer, accelerator)
    else:
        figures = {"status": str(layer.why), "reason": layer.reason}
    row = {"name": layer.name, "op": layer.op, "costed": not isinstance(layer, OffArrayNode), **_NO_COST}
    if accelerator.energy.mac_pj is not None:
        row["energy_pj"] = 0
    return row | figures


# The figures of a node without a cost. Those that add up are 0, so that the rows sum to the total.
_NO_COST: dict[str, Any] = {
    "in_shape": None, "out_shape": None, "kernel": None, "stride": None, "groups": None,
    "dataflow": None, "cycles": 0, "energy": 0, "energy_by_part": None, "macs": 0, "weight_bits": None,
    "activation_bits": None, "weight_sparsity": None, "dram_bytes": 0, "buffer_bytes": None, "working_set_bytes": None,
    "fits_buffer": None, "tiling": None, "mapping": None, "rejected": None, "bound_by": None, "utilisation": None,
    "roofline": None, "cycles_by_part": None, "batch": None, "status": None, "reason": None,
}  # fmt: skip


def layer_shapes(layer: ConvLayer) -> dict[str, Any]:
    """Return the shapes of a layer for one image, as in the `summary` document.

    Maps are [height, width, channels], a kernel is [height, width], and a stride is one number, or two where they
    differ.
    """
    strides = [layer.stride_height, layer.stride_width]
    return {
        "in_shape": [layer.in_height, layer.in_width, layer.in_channels],
        "out_shape": [layer.out_height, layer.out_width, layer.out_channels],
        "kernel": [layer.kernel_height, layer.kernel_width],
        "stride": strides[0] if strides[0] == strides[1] else strides,
        "groups": layer.groups,
    }


def _on_array(cost: LayerCost) -> dict[str, Any]:
    layer, chosen = cost.layer, cost.chosen
    return {
        **layer_shapes(layer),
        "dataflow": str(chosen.dataflow),
        "cycles": cost.cycles,
        **_energies(cost.energy, cost.accelerator),
        "macs": layer.macs,
        "weight_bits": layer.weight_bits,
        "activation_bits": layer.activation_bits,
        "weight_sparsity": cost.weight_sparsity,
        "dram_bytes": cost.dram_bytes,
        "buffer_bytes": cost.buffer_bytes,
        "working_set_bytes": cost.working_set_bytes,
        "fits_buffer": cost.fits_buffer,
        "tiling": _figures(chosen.tiling),
        "mapping": None if chosen.mapping is None else _figures(chosen.mapping),
        "rejected": _rejected(cost),
        "bound_by": str(cost.bound_by),
        "utilisation": cost.utilisation,
        "roofline": _figures(cost.roofline),
        # The overhead of a layer was a part of model 1. It stays in the contract, as 0.
        "cycles_by_part": {part: layer.batch * value for part, value in _figures(chosen.cycles).items()}
        | {"overhead": 0.0},
        "batch": layer.batch,
        "status": "costed",
    }


def _rejected(cost: LayerCost) -> dict[str, Any] | None:
    rejected = cost.rejected
    if rejected is None:
        return None
    return {
        "dataflow": str(rejected.dataflow),
        "cycles": cost.layer.batch * rejected.cycles.total,
        "energy": cost.layer.batch * rejected.energy.total,
        "dram_bytes": cost.batch_bytes(rejected.dram_words),
        "tiling": _figures(rejected.tiling),
        "bound_by": str(rejected.cycles.bound_by),
    }


def _on_vector_unit(cost: VectorCost, accelerator: Accelerator) -> dict[str, Any]:
    work = cost.layer.work
    return {
        "cycles": cost.cycles,
        **_energies(cost.energy, accelerator),
        "activation_bits": None if work is None else work.bits or accelerator.array.word_bits,
        "dram_bytes": cost.dram_bytes,
        "bound_by": str(cost.bound_by),
        "status": "vector_unit",
    }


def _figures(values: Tiling | RowMapping | Cycles | Energy | Roofline) -> dict[str, Any]:
    """Return the fields by name; `dataclasses.asdict` would take most of the time here, to look for nested values."""
    return {name: getattr(values, name) for name in values.__slots__}


def _energies(energy: Energy, accelerator: Accelerator) -> dict[str, Any]:
    row: dict[str, Any] = {"energy": energy.total, "energy_by_part": _figures(energy)}
    if accelerator.energy.mac_pj is not None:
        row["energy_pj"] = energy.total * accelerator.energy.mac_pj
    return row
