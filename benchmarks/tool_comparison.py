"""Our estimates beside those of Vela, SCALE-Sim and ZigZag, layer by layer, for five networks.

    python benchmarks/tool_comparison.py FOLDER --vela PYTHON --scalesim PYTHON --zigzag PYTHON

Each PYTHON is an interpreter that has the tool (`simulator-tools.txt`, `simulator-tools-scalesim.txt`). FOLDER keeps
what the tools write, so that a second run compares again without them. It prints Markdown and writes
`tool_comparison.csv`.
"""

from __future__ import annotations

import argparse
import csv
import json
import re
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import tool_layers

from sqnxt_sim import ConvLayer, Workload, load_accelerator, read_model, simulate_workload
from sqnxt_tf.exploration.workloads import network_workload

NETWORKS = ("squeezenet_v1_1", "sqnxt23_w1", "sqnxt23v5_w1", "sqnxt23g_w1", "tiny_darknet")
TABLE = Path(__file__).with_suffix(".csv")
Row = dict[str, Any]


@cache
def layers_of(network: str) -> tuple[ConvLayer, ...]:
    return tuple(network_workload(network).conv_layers)


def export(network: str, folder: Path) -> None:
    """Write an int8 .tflite of random weights; Vela's estimate does not depend on them."""
    path = folder / f"{network}.tflite"
    if not path.exists():
        command = [sys.executable, "-m", "sqnxt_tf.cli", "export", network, "--format", "tflite", "--precision", "int8"]
        subprocess.run([*command, "-o", str(path), "-q"], check=True)


def run_tool(python: str | None, made: Path, *arguments: str) -> Any:
    """Return what a tool has written to `made`, now or before; None without its interpreter."""
    if not made.exists():
        if python is None:
            return None
        subprocess.run([python, tool_layers.__file__, *arguments], check=True, stdout=subprocess.DEVNULL)
    return json.loads(made.read_text(encoding="utf-8"))


def vela_cycles(network: str, rows: Sequence[dict[str, str]]) -> tuple[list[float], float]:
    """Return Vela's cycles of each of our layers, and of all operators that are none of them.

    A layer is found by its name and MACs, else by its MACs alone, since Vela names some after the operator that they
    are fused with. A grouped convolution is a row for each group and one that puts them together.
    """
    rows = [row for row in rows if float(row["Op Cycles"])]
    found: dict[str, list[int]] = {}
    for by_name in (True, False):
        for layer in (one for one in layers_of(network) if one.name not in found):
            taken = {index for indices in found.values() for index in indices}
            groups = 1 if layer.is_depthwise else layer.groups
            name = re.compile(rf"/{re.escape(layer.name)}(_relu|_bn|/|;|$)")
            hits = [
                index
                for index, row in enumerate(rows)
                if index not in taken
                and row["NNG Operator"] in ("Conv2D", "DepthwiseConv2D", "FullyConnected")
                and "Mean" not in row["Name"]
                and int(row["MAC Count"]) * groups == layer.macs
                and (not by_name or name.search(row["Name"]))
            ][:groups]
            if len(hits) == groups:
                joins = groups > 1 and rows[hits[-1] + 1]["NNG Operator"] == "Relu"
                found[layer.name] = [*hits, hits[-1] + 1] if joins else hits
    cycles = [sum(float(rows[i]["Op Cycles"]) for i in found[layer.name]) for layer in layers_of(network)]
    return cycles, sum(float(row["Op Cycles"]) for row in rows) - sum(cycles)


def topology_row(layer: ConvLayer) -> tuple[int, ...]:
    """Return one group of a layer in SCALE-Sim's columns; it knows no padding, so the inputs hold it already."""
    height = layer.in_height + layer.pad_top + layer.pad_bottom
    width = layer.in_width + layer.pad_left + layer.pad_right
    kernel, channels = (layer.kernel_height, layer.kernel_width), (layer.group_in_channels, layer.group_out_channels)
    return height, width, *kernel, *channels, layer.stride_height


def write_topology(folder: Path) -> dict[tuple[int, ...], str]:
    """Write the distinct layers of all networks, and return their names."""
    rows = dict.fromkeys(topology_row(layer) for network in NETWORKS for layer in layers_of(network))
    names = {row: f"l{index}" for index, row in enumerate(rows)}
    lines = [
        f"Layer,{','.join(tool_layers.COLUMNS)},",
        *(f"{name},{','.join(map(str, row))}," for row, name in names.items()),
    ]
    (folder / "topology.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return names


def unpadded(layer: ConvLayer) -> ConvLayer:
    """Return one group of a layer as the topology has it."""
    height, width, *_ = topology_row(layer)
    no_pads = {f"pad_{side}": 0 for side in ("top", "left", "bottom", "right")}
    ins, outs = layer.group_in_channels, layer.group_out_channels
    return replace(layer, in_height=height, in_width=width, in_channels=ins, out_channels=outs, groups=1, **no_pads)


def ours(layers: Iterable[ConvLayer], preset: str, *, precision: str | None = None, **options: str) -> list[Any]:
    accelerator = load_accelerator(preset)
    workload = Workload(name="network", layers=tuple(layers))
    return list(simulate_workload(workload, accelerator, precision=precision, **options).costed)


def roomy_systolic(layers: Iterable[ConvLayer]) -> list[float]:
    """Return array cycles with buffers that hold every layer at once: SCALE-Sim's array without its memories."""
    array = load_accelerator("systolic-32x32")
    buffer = replace(array.buffer, bytes=2**30, input_bytes=None, weight_bytes=None, output_bytes=None)
    report = simulate_workload(Workload(name="n", layers=tuple(layers)), replace(array, buffer=buffer))
    return [cost.chosen.cycles.array for cost in report.costed]


def rank_correlation(first: Sequence[float], second: Sequence[float]) -> float:
    """Return Spearman's, with mean ranks for ties."""

    def ranks(values: Sequence[float]) -> Any:
        ordered = np.sort(values)
        return np.searchsorted(ordered, values, "left") + np.searchsorted(ordered, values, "right")

    return float(np.corrcoef(ranks(first), ranks(second))[0, 1])


def compare(network: str, folder: Path, pythons: argparse.Namespace, names: dict[tuple[int, ...], str]) -> list[Row]:
    """Return one row for each layer, with ours and theirs; a tool that was not run has no columns."""
    layers = layers_of(network)
    columns: dict[str, Sequence[float]] = {}
    for preset in tool_layers.VELA:
        made = folder / f"{network}-{preset}.json"
        if rows := run_tool(pythons.vela, made, "vela", str(folder), network, preset):
            columns[f"{preset} cycles"] = [cost.cycles for cost in ours(layers, preset, precision="int8")]
            columns[f"{preset} Vela"], _ = vela_cycles(network, rows)
    groups = [layer.groups for layer in layers]
    if cycles := run_tool(pythons.scalesim, folder / "scalesim.json", "scalesim", str(folder)):
        each = roomy_systolic(map(unpadded, layers))
        columns["systolic cycles"] = [g * one for g, one in zip(groups, each, strict=True)]
        theirs = [cycles[names[topology_row(layer)]] for layer in layers]
        columns["systolic SCALE-Sim"] = [g * one for g, one in zip(groups, theirs, strict=True)]
    if energies := run_tool(pythons.zigzag, folder / "zigzag.json", "zigzag", str(folder)):
        costs = ours(map(unpadded, layers), "squeezelerator-16x16", dataflow="weight_stationary")
        columns["energy"] = [g * cost.energy.total for g, cost in zip(groups, costs, strict=True)]
        theirs = [energies[names[topology_row(layer)]] for layer in layers]
        columns["energy ZigZag"] = [g * one for g, one in zip(groups, theirs, strict=True)]
    names_and_macs = {"network": network, "layer": None, "MACs": None}
    return [
        names_and_macs | {"layer": layer.name, "MACs": layer.macs} | {key: round(v[i]) for key, v in columns.items()}
        for i, layer in enumerate(layers)
    ]


def print_whole_networks(folder: Path) -> None:
    """Print the totals of all operators, ours with the vector unit and the weights of the files."""
    for preset in tool_layers.VELA:
        print(f"\n| {preset}, all operators | ours | Vela | ours over theirs |\n|{'---|' * 4}")
        for network in NETWORKS:
            made = folder / f"{network}-{preset}.json"
            if made.exists():
                theirs = sum(float(row["Op Cycles"]) for row in json.loads(made.read_text(encoding="utf-8")))
                mine = simulate_workload(read_model(folder / f"{network}.tflite"), load_accelerator(preset)).cycles
                print(f"| {network} | {mine:,.0f} | {theirs:,.0f} | {mine / theirs:.3f} |")


PAIRS = {
    "ethos-u65-256": ("ethos-u65-256 cycles", "ethos-u65-256 Vela"),
    "ethos-u55-128": ("ethos-u55-128 cycles", "ethos-u55-128 Vela"),
    "systolic 32x32": ("systolic cycles", "systolic SCALE-Sim"),
    "energy, weight stationary": ("energy", "energy ZigZag"),
}


def print_tables(rows: dict[str, list[Row]]) -> None:
    for title, (mine, theirs) in PAIRS.items():
        if any(mine not in row for table in rows.values() for row in table):
            continue
        print(f"\n| {title} | {mine} | {theirs} | ours over theirs | rank correlation of layers | layers within 25 % |")
        print(f"|{'---|' * 6}")
        totals = []
        for network, table in rows.items():
            ours, other = [row[mine] for row in table], [row[theirs] for row in table]
            near = sum(abs(a / b - 1) <= 0.25 for a, b in zip(ours, other, strict=True))
            totals.append((sum(ours), sum(other)))
            ratio, correlation = sum(ours) / sum(other), rank_correlation(ours, other)
            figures = f"{sum(ours):,} | {sum(other):,} | {ratio:.3f} | {correlation:.3f} | {near} of {len(table)}"
            print(f"| {network} | {figures} |")
        same = np.argsort([a for a, _ in totals]).tolist() == np.argsort([b for _, b in totals]).tolist()
        print(f"\nThe order of the networks is {'the same' if same else 'not the same'}.")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    for tool in ("vela", "scalesim", "zigzag"):
        parser.add_argument(f"--{tool}", metavar="PYTHON")
    pythons = parser.parse_args()
    folder = pythons.folder
    folder.mkdir(exist_ok=True)
    names = write_topology(folder)
    if pythons.vela:
        for network in NETWORKS:
            export(network, folder)
    rows = {network: compare(network, folder, pythons, names) for network in NETWORKS}
    with TABLE.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=next(iter(rows.values()))[0].keys(), lineterminator="\n")
        writer.writeheader()
        writer.writerows(row for table in rows.values() for row in table)
    print_tables(rows)
    print_whole_networks(folder)


if __name__ == "__main__":
    main()
