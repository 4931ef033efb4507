"""Other tools on the network that `simulator.py` exports, each run by an interpreter that has it.

    PYTHON benchmarks/simulator_tools.py TOOL FOLDER

FOLDER holds network.onnx, network.tflite and topology.csv. The last line printed is JSON: `alone_cpu_s` (processor
seconds, imports left out), `cycles`, `macs` and `energy`, None where the tool does not say. Nothing but the standard
library is imported at the top, because these environments do not hold the project.
"""

import csv
import json
import logging
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sqnxt_sim import ConvLayer

INPUTS = Path(__file__).with_name("simulator_inputs")
Answer = dict[str, Any]


def write_topology(layers: Iterable["ConvLayer"], path: Path) -> None:
    """SCALE-Sim's list of layers; it knows no padding, so that the inputs hold it already."""
    with path.open("w", encoding="utf-8") as file:
        file.write("Layer,IFMAP height,IFMAP width,Filter height,Filter width,Channels,Filters,Stride,\n")
        for layer in layers:
            height = layer.in_height + layer.pad_top + layer.pad_bottom
            width = layer.in_width + layer.pad_left + layer.pad_right
            kernel = f"{layer.kernel_height},{layer.kernel_width}"
            channels = f"{layer.in_channels},{layer.out_channels}"
            file.write(f"{layer.name},{height},{width},{kernel},{channels},{layer.stride_height},\n")


def find_tools(pythons: list[str], folder: Path) -> tuple[dict[str, list[str]], list[str]]:
    """How to run each tool that one of the interpreters has, and the tools that none has."""
    found = {}
    for name, (module, _) in TOOLS.items():
        probe = f"import importlib.util, sys; sys.exit(importlib.util.find_spec({module!r}) is None)"
        for python in pythons:
            if subprocess.run([python, "-c", probe], check=False).returncode == 0:
                found[name] = [python, __file__, name, str(folder)]
                break
    return found, [name for name in TOOLS if name not in found]


def zigzag(folder: Path, *, mapping: str) -> Answer:
    """Loop orders at 16 bits, the best of them by latency; energies for dense weights."""
    import onnx
    from zigzag.api import get_hardware_performance_zigzag

    logging.disable(logging.WARNING)
    start = time.process_time()
    graph = onnx.load(folder / "network.onnx")
    for node in graph.graph.node:
        if node.op_type in ("Conv", "Gemm"):
            node.attribute.extend(onnx.helper.make_attribute(f"{what}_size", 16) for what in ("weight", "act"))
    energy, cycles, results = get_hardware_performance_zigzag(
        graph,
        str(INPUTS / "zigzag-hardware.yaml"),
        str(INPUTS / mapping),
        opt="latency",
        lpf_limit=4,
        dump_folder=str(folder / "zigzag"),
        loma_show_progress_bar=False,
    )
    seconds = time.process_time() - start
    # The unit of energy is one MAC.
    return {"alone_cpu_s": seconds, "cycles": cycles, "macs": results[0][0].mac_energy, "energy": energy}


def scalesim(folder: Path) -> Answer:
    """Every cycle of a weight stationary array of 16x16; no energies, no zeros."""
    from scalesim.scale_sim import scalesim as simulator

    (folder / "layout.csv").write_text("Layer,\n", encoding="utf-8")
    start = time.process_time()
    simulator(
        save_disk_space=True,
        verbose=False,
        config=str(INPUTS / "scalesim.cfg"),
        topology=str(folder / "topology.csv"),
        layout=str(folder / "layout.csv"),
    ).run_scale(top_path=str(folder))
    seconds = time.process_time() - start
    with (folder / "sqnxt23_w1" / "COMPUTE_REPORT.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file, skipinitialspace=True))
    cycles = sum(float(row["Total Cycles (incl. prefetch)"]) for row in rows)
    return {"alone_cpu_s": seconds, "cycles": cycles, "macs": None, "energy": None}


def vela(folder: Path) -> Answer:
    """Compiles the int8 network for an Ethos-U55 of 256 MACs a cycle, and estimates its cycles; no energies."""
    from ethosu.vela.vela import main

    start = time.process_time()
    main(
        [
            *(str(folder / "network.tflite"), "--accelerator-config", "ethos-u55-256", "--config", "Arm/vela.ini"),
            *("--system-config", "Ethos_U55_High_End_Embedded", "--memory-mode", "Shared_Sram"),
            *("--output-dir", str(folder / "vela")),
        ]
    )
    seconds = time.process_time() - start
    with next((folder / "vela").glob("*summary*.csv")).open(encoding="utf-8") as file:
        row = next(csv.DictReader(file))
    return {"alone_cpu_s": seconds, "cycles": float(row["cycles_total"]), "macs": float(row["nn_macs"]), "energy": None}


TOOLS: dict[str, tuple[str, Callable[[Path], Answer]]] = {
    "ZigZag, weight stationary": ("zigzag", partial(zigzag, mapping="zigzag-weight-stationary.yaml")),
    "ZigZag, its own 3 mappings": ("zigzag", partial(zigzag, mapping="zigzag-any-mapping.yaml")),
    "SCALE-Sim": ("scalesim", scalesim),
    "Vela": ("ethosu", vela),
}
"""The module that shows a tool is installed, and how to run it."""

if __name__ == "__main__":
    answer = TOOLS[sys.argv[1]][1](Path(sys.argv[2]))
    print("\n" + json.dumps(answer))
