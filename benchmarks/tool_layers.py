"""Other tools layer by layer, each run by an interpreter that has it; `tool_comparison.py` calls this.

    PYTHON benchmarks/tool_layers.py vela FOLDER NETWORK PRESET
    PYTHON benchmarks/tool_layers.py scalesim FOLDER
    PYTHON benchmarks/tool_layers.py zigzag FOLDER

`vela` compiles FOLDER/NETWORK.tflite and writes its estimate of every operator to FOLDER/NETWORK-PRESET.json. The
others read FOLDER/topology.csv and write the cycles or the energy of every row to FOLDER/scalesim.json and
FOLDER/zigzag.json.
Nothing but the standard library is imported at the top, because these environments do not hold the project.
"""

import csv
import json
import logging
import sys
from pathlib import Path
from typing import Any

INPUTS = Path(__file__).with_name("simulator_inputs")
VELA = {
    "ethos-u65-256": ("Ethos_U65_High_End", "Dedicated_Sram_384KB"),
    "ethos-u55-128": ("Ethos_U55_High_End_Embedded", "Shared_Sram"),
}
"""Vela's system configuration and memory mode for each of our presets, which have Vela's name of the accelerator."""


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8") as file:
        return list(csv.DictReader(file, skipinitialspace=True))


def vela(folder: Path, network: str, preset: str) -> None:
    """Write estimates of all operators: kind, MACs, cycles, and the cycles of the array and of each memory."""
    from ethosu.vela.vela import main

    system, memory = VELA[preset]
    out = folder / preset
    main(
        [
            *(str(folder / f"{network}.tflite"), "--accelerator-config", preset, "--config", "Arm/vela.ini"),
            *("--system-config", system, "--memory-mode", memory, "--verbose-performance", "--output-dir", str(out)),
        ]
    )
    rows = rows_of(out / f"{network}_per-layer.csv")
    (folder / f"{network}-{preset}.json").write_text(json.dumps(rows), encoding="utf-8")


def scalesim(folder: Path) -> None:
    """Write the cycles of a weight stationary array of 32x32 whose memories are so large that nothing waits."""
    from scalesim.scale_sim import scalesim as simulator

    (folder / "layout.csv").write_text("Layer,\n", encoding="utf-8")
    names = {key: str(folder / f"{key}.csv") for key in ("topology", "layout")}
    config = str(INPUTS / "scalesim-32x32.cfg")
    simulator(save_disk_space=True, verbose=False, config=config, **names).run_scale(top_path=str(folder))
    report = rows_of(folder / "ws32" / "COMPUTE_REPORT.csv")
    layers = rows_of(folder / "topology.csv")
    cycles = {layer["Layer"]: float(row["Total Cycles"]) for layer, row in zip(layers, report, strict=True)}
    (folder / "scalesim.json").write_text(json.dumps(cycles), encoding="utf-8")


def zigzag(folder: Path) -> None:
    """Write the energy, in MACs of 16 bits, of each layer on its own: weight stationary, loop orders of the least."""
    from zigzag.api import get_hardware_performance_zigzag

    logging.disable(logging.WARNING)
    energies = {}
    for row in rows_of(folder / "topology.csv"):
        energy, *_ = get_hardware_performance_zigzag(
            one_convolution(row),
            str(INPUTS / "zigzag-hardware.yaml"),
            str(INPUTS / "zigzag-weight-stationary.yaml"),
            opt="energy",
            lpf_limit=4,
            dump_folder=str(folder / "zigzag"),
            loma_show_progress_bar=False,
        )
        energies[row["Layer"]] = energy
    (folder / "zigzag.json").write_text(json.dumps(energies), encoding="utf-8")


def one_convolution(row: dict[str, str]) -> Any:
    """Return an ONNX model of one row of SCALE-Sim's topology; its inputs hold the padding."""
    from onnx import TensorProto, helper

    height, width, kernel_height, kernel_width, channels, filters, stride = (int(row[key]) for key in COLUMNS)
    outputs = [1, filters, (height - kernel_height) // stride + 1, (width - kernel_width) // stride + 1]
    kernel = [filters, channels, kernel_height, kernel_width]
    node = helper.make_node(
        *("Conv", ["x", "w"], ["y"]), name=row["Layer"], kernel_shape=kernel[2:], strides=[stride, stride],
        pads=[0, 0, 0, 0], dilations=[1, 1], group=1, weight_size=16, act_size=16,
    )  # fmt: skip
    weights = helper.make_tensor(
        "w", TensorProto.FLOAT, kernel, bytes(4 * filters * channels * kernel_height * kernel_width), raw=True
    )
    shapes = {"x": [1, channels, height, width], "y": outputs}
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in shapes.items())
    graph = helper.make_graph([node], "layer", [x], [y], [weights])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)])


COLUMNS = ("IFMAP height", "IFMAP width", "Filter height", "Filter width", "Channels", "Filters", "Stride")
"""Columns of SCALE-Sim's topology after the layer's name."""

if __name__ == "__main__":
    {"vela": vela, "scalesim": scalesim, "zigzag": zigzag}[sys.argv[1]](Path(sys.argv[2]), *sys.argv[3:])
