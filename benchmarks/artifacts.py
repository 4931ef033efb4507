"""Every format and precision of four networks trained on the digits: parity, accuracy, bytes and latency.

    python benchmarks/artifacts.py FOLDER [SECONDS]

Models are trained into FOLDER by the digits recipe and kept there: a second call only exports and measures. All
artifacts of a network take turns, for at most SECONDS, and a ratio is that within a round. The exit code is 1 where a
cell fails.
"""

import sys
from pathlib import Path
from typing import NamedTuple

from sqnxt_export import ExportResult, ParityError
from sqnxt_tf import evaluate, load_data, train
from sqnxt_tf.device.statistics import ratio
from sqnxt_tf.device.timing_rounds import SECONDS, time_artifacts
from sqnxt_tf.sources import open_source
from sqnxt_tf.training.recipe_files import DIGITS
from sqnxt_tf.workflows.export import export_source

# No size is given: the digits at the side that the recipe trains them at.
NETWORKS = ("1.0-SqNxt-23v5", "1.0-G-SqNxt-23", "SqueezeNet v1.1", "MobileNet")
RATES = {"SqueezeNet v1.1": 0.01}  # without batch norm it learns nothing at the recipe's 0.1
ARTIFACTS = (
    ("onnx", "float32"),
    ("onnx", "float16"),
    ("onnx", "int16"),
    ("onnx", "int8"),
    ("tflite", "float32"),
    ("tflite", "float16"),
    ("tflite", "int16x8"),
    ("tflite", "int8"),
)


class Cell(NamedTuple):
    """One artifact of one network."""

    network: str
    export: ExportResult
    top1: float
    p50_ms: float
    ratio: float

    def to_row(self) -> str:
        """Return a row of the table."""
        parity = self.export.parity
        return (
            f"| {self.network} | {self.export.format} {self.export.precision} | {self.export.bytes:,} | "
            f"{self.export.compressed_bytes:,} | {parity.max_rel_diff:.1e} | {100 * parity.top1_agreement:.1f} | "
            f"{100 * self.top1:.1f} | {self.p50_ms:.2f} | {self.ratio:.2f} |"
        )


def main(folder: Path, seconds: float) -> int:
    """Print the table; 1 where an artifact fails its parity."""
    folder.mkdir(parents=True, exist_ok=True)
    print("| network | artifact | bytes | compressed | largest difference | same top-1 % | top-1 % | p50 ms | ratio |")
    print("|---|---|---|---|---|---|---|---|---|")
    failed = False
    for network in NETWORKS:
        path = folder / f"{network.replace(' ', '-')}.keras"
        if not path.exists():
            train(network, path, recipe=DIGITS.overridden(rate=RATES.get(network)))
        try:
            for cell in cells(network, path, seconds):
                print(cell.to_row(), flush=True)
        except ParityError as error:
            print(f"| {network} | FAILED: {error} | | | | | | | |", flush=True)
            failed = True
    return int(failed)


def cells(network: str, model: Path, seconds: float) -> list[Cell]:
    """Export, evaluate and time all artifacts of one trained model."""
    source, test = open_source(str(model)), load_data("digits", "test")
    exports = []
    for format_, precision in ARTIFACTS:
        path = model.with_name(f"{model.stem}-{precision}.{format_}")
        exports.append(export_source(source, path, format=format_, precision=precision, force=True))
    timed = time_artifacts([export.path for export in exports], seconds=seconds).timings
    timings = {(export.format, export.precision): one for export, one in zip(exports, timed, strict=True)}
    return [
        Cell(
            network=network,
            export=export,
            top1=evaluate(export.path, test).top1,
            p50_ms=timings[export.format, export.precision].p50_ms,
            ratio=ratio(
                timings[export.format, export.precision].round_medians, timings[export.format, "float32"].round_medians
            ).value,
        )
        for export in exports
    ]


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), float(sys.argv[2]) if len(sys.argv) > 2 else SECONDS))
