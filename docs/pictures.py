"""Draw the pictures of `benchmark --per-layer --accelerator` in this folder, on a machine that does nothing else.

python docs/pictures.py [FOLDER [SECONDS]]
"""

import io
import re
import sys
import tempfile
from pathlib import Path

from rich.console import Console

from sqnxt_export import whole_file
from sqnxt_tf import BenchmarkResult, benchmark, export
from sqnxt_tf.reports.benchmark import benchmark_lines, benchmark_table, layers_lines, layers_table
from sqnxt_tf.reports.benchmark_picture import draw_benchmark

ACCELERATOR = "squeezelerator-16x16"
IN_THE_TERMINAL = "squeezenet_v1_1"  # few enough layers for a page
DRAWN = "sqnxt23v5_w1"
WIDTH = 212  # characters
FONTS = re.compile(r"@font-face \{.*?\}", re.DOTALL)  # rich's come from another host, which no page should ask


def main(folder: Path, seconds: float) -> None:
    """Export both networks with random weights, time them, and write an .svg of each."""
    with tempfile.TemporaryDirectory() as scratch:
        for network in (IN_THE_TERMINAL, DRAWN):
            path = Path(scratch, f"{network}.onnx")
            export(network, path, format="onnx", samples=4)
            result = benchmark([path], accelerator=ACCELERATOR, seconds=seconds)
            if network == DRAWN:
                draw_benchmark(result, folder / "benchmark-layers.svg", force=True)
            else:
                write_terminal(result, folder / "benchmark-terminal.svg")


def write_terminal(result: BenchmarkResult, path: Path) -> None:
    """What the command prints, as a picture of a terminal."""
    (shares,) = result.layers
    name = result.benchmark.reference.path.name
    console = Console(record=True, width=WIDTH, file=io.StringIO())
    console.print(benchmark_table(result.benchmark).to_rich())
    for line in benchmark_lines(result.benchmark):
        console.print(line, highlight=False)
    console.print(layers_table(shares).to_rich())
    for line in layers_lines(shares):
        console.print(line, highlight=False)
    svg = console.export_svg(title=f"sqnxt-tf benchmark {name} --per-layer --accelerator {shares.accelerator}")
    with whole_file(path, force=True) as part:
        part.write_text(FONTS.sub("", svg), "utf-8")


if __name__ == "__main__":
    main(
        Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent,
        float(sys.argv[2]) if len(sys.argv) > 2 else 60,
    )
