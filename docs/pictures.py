"""Draw the pictures of `benchmark --per-layer --accelerator` in this folder, on a machine that does nothing else.

python docs/pictures.py [FOLDER [SECONDS]]
"""

import io
import re
import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.text import Text

from sqnxt_export import whole_file
from sqnxt_tf import BenchmarkResult, benchmark, export
from sqnxt_tf.reports.benchmark import benchmark_lines, benchmark_table, layers_lines, layers_table
from sqnxt_tf.reports.benchmark_picture import draw_benchmark

ACCELERATOR = "squeezelerator-16x16"
IN_THE_TERMINAL = "squeezenet_v1_1"  # few enough layers for a page
DRAWN = "sqnxt23v5_w1"
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
    """Draw what the command prints as a picture of a terminal."""
    (shares,) = result.layers
    name = result.benchmark.reference.path.name
    parts = [
        benchmark_table(result.benchmark),
        benchmark_lines(result.benchmark),
        layers_table(shares),
        layers_lines(shares),
    ]
    width = max(len(line) for part in parts for line in (part if isinstance(part, list) else part.to_lines()))
    # The frame cuts into the last column and the last line: one more of each.
    console = Console(record=True, width=width + 1, file=io.StringIO())
    for part in parts:
        lines = part if isinstance(part, list) else part.to_lines(styled=True)
        console.print(Text.from_ansi("\n".join(lines)), highlight=False)
    console.print()
    svg = console.export_svg(title=f"sqnxt-tf benchmark {name} --per-layer --accelerator {shares.accelerator}")
    with whole_file(path, force=True) as part:
        part.write_text(FONTS.sub("", svg), "utf-8")


if __name__ == "__main__":
    main(
        Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent,
        float(sys.argv[2]) if len(sys.argv) > 2 else 60,
    )
