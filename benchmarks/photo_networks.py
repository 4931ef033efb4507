"""Networks trained alike on photographs: accuracy of every artifact beside its bytes, latency, cycles and energy.

For each network: it is trained by the recipe `photos`, 40 % of its weights are pruned, the pruned model is exported in
every precision, and once more in int8 after it was fine-tuned with the rounding of int8 (`qat`). Each file is judged on
the test part, timed on this machine, and simulated on both of the paper's arrays (ONNX). A file is a row. Every step
keeps its document in the work folder, so that the same command continues where it stopped; training itself resumes
within a run.

The photographs are those of alexeygrigorev/clothing-dataset-small (CC0 1.0), at 256 pixels of the shorter side.

Run it as `python benchmarks/photo_networks.py PHOTOS [--only NETWORK...] [--work FOLDER] [--minutes N]`.
"""

import argparse
import csv
import json
import os
import platform
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).with_suffix(".csv")
NETWORKS = {
    "tiny_darknet": (), "mobilenet_w1": (), "sqnxt23v5_w1": (), "sqnxt23_w1": (), "sqnxt23v2_w1": (),
    "sqnxt23v3_w1": (), "sqnxt23v4_w1": (), "sqnxt23g_w1": (), "squeezenet_v1_1": ("--rate", "3e-4"),
}  # fmt: skip
"""Network -> options of `train` beside the recipe's: SqueezeNet has no batch norm, and wants a lower rate."""
INPUT_SIDE = 96
QAT_EPOCHS = 4
EXPORTS = (
    ("pruned", "onnx", "float32"), ("pruned", "onnx", "float16"), ("pruned", "onnx", "int16"),
    ("pruned", "onnx", "int8"), ("pruned", "tflite", "float16"), ("pruned", "tflite", "int8"),
    ("qat", "onnx", "int8"), ("qat", "tflite", "int8"),
)  # fmt: skip
ARRAYS = ("squeezelerator-16x16", "squeezelerator-8x8")
FAILED = 1
"""Exit code of an export whose artifact loses too much: a row without figures, and no fault of the script."""
COLUMNS = (
    "network", "file", "format", "precision", "top1", "top1_low", "top1_high", "images", "bytes", "p50_ms",
    *(f"{figure}_{array[14:]}" for array in ARRAYS for figure in ("cycles", "energy")), "training_seconds", "refused",
    "cores", "machine",
)  # fmt: skip


class Steps:
    """The command line with documents that are kept: a step that has one is not run again."""

    def __init__(self, folder: Path, until: float) -> None:
        self.folder, self._until = folder, until

    def document(self, step: str, *arguments: object, made: Path | None = None) -> Any:
        """Return the JSON document of a command, or the line of its error as `{"refused": ...}`."""
        kept = self.folder / f"{step}.json"
        if kept.exists():
            return json.loads(kept.read_text())
        if time.monotonic() > self._until:
            raise SystemExit("the time is up; the same command goes on")
        if made is not None and made.exists():  # its document was not written down
            made.unlink()
        command = [sys.executable, "-m", "sqnxt_tf.cli", *map(str, arguments), "--json"]
        log = self.folder / f"{step}.log"
        with log.open("w") as told:
            done = subprocess.run(command, stdout=subprocess.PIPE, stderr=told, text=True, check=False)
        last = log.read_text().strip().rpartition("\n")[2]
        if done.returncode not in (0, FAILED):
            raise SystemExit(last)
        document = json.loads(done.stdout) if done.stdout else {"refused": last}
        kept.write_text(json.dumps(document))
        return document


def rows_of(network: str, photos: Path, steps: Steps) -> list[dict[str, Any]]:
    """Train, prune and export a network, and return a row for each of its files."""
    model, pruned, qat = (steps.folder / f"{name}.keras" for name in ("model", "pruned", "qat"))
    size = ("--input-size", INPUT_SIDE, *NETWORKS[network])
    trained = steps.document("train", "train", "--network", network, "--data", photos, *size, "-o", model)
    seconds = round(sum(row["seconds"] for row in trained["history"]))
    steps.document("prune", "prune", model, "--data", photos, "-o", pruned)
    tuning = ("--from", pruned, "--qat", "int8", "--epochs", QAT_EPOCHS)
    steps.document("qat", "train", *tuning, "--data", photos, "-o", qat)
    rows = [judged(path, photos, steps) for path in (model, pruned, qat)]
    for source, format, precision in EXPORTS:
        path = steps.folder / f"{source}-{precision}.{format}"
        asked = (steps.folder / f"{source}.keras", "-o", path, "--precision", precision, "--data", photos)
        made = steps.document(path.name, "export", *asked, made=path)
        about = {"file": path.name, "format": format, "precision": precision}
        rows.append(about | ({"refused": made["refused"]} if "refused" in made else judged(path, photos, steps)))
    return [{"network": network, "training_seconds": seconds, **row} for row in rows]


def judged(path: Path, photos: Path, steps: Steps) -> dict[str, Any]:
    """Return what a file is worth: accuracy, bytes, latency (artifacts), cycles and energy (ONNX)."""
    test = steps.document(f"{path.name}-evaluate", "evaluate", path, "--data", photos)
    low, high = test["top1_interval"]
    row = {
        "file": path.name, "top1": round(test["top1"], 4), "top1_low": round(low, 4), "top1_high": round(high, 4),
        "images": test["samples"], "bytes": path.stat().st_size,
    }  # fmt: skip
    if path.suffix != ".keras":
        timed = steps.document(f"{path.name}-benchmark", "benchmark", path, "--seconds", 20)
        row["p50_ms"] = timed[0]["latency_ms"]["p50"]
    if path.suffix == ".onnx":
        for array in ARRAYS:
            name = f"{path.name}-{array}"
            total = steps.document(name, "simulate", path, "--accelerator", array)["total"]
            row |= {f"cycles_{array[14:]}": round(total["cycles"]), f"energy_{array[14:]}": round(total["energy"])}
    return row


def write(rows: list[dict[str, Any]]) -> None:
    """Add the rows of a network to the table."""
    begun = RESULTS.exists()
    with RESULTS.open("a", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, restval="")
        if not begun:
            writer.writeheader()
        writer.writerows(
            {**row, "cores": os.cpu_count(), "machine": f"{platform.machine()} {platform.system()}"} for row in rows
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path)
    parser.add_argument("--only", nargs="+", choices=NETWORKS, default=list(NETWORKS))
    parser.add_argument("--work", type=Path, default=Path("photo-networks"))
    parser.add_argument("--minutes", type=float, default=float("inf"), help="begin no step after this time")
    arguments = parser.parse_args()
    until = time.monotonic() + 60 * arguments.minutes
    finished = set()
    if RESULTS.exists():
        with RESULTS.open(newline="") as file:
            finished = {row["network"] for row in csv.DictReader(file)}
    for network in arguments.only:
        if network not in finished:
            folder = arguments.work / network
            folder.mkdir(parents=True, exist_ok=True)
            rows = rows_of(network, arguments.photos, Steps(folder, until))
            write(rows)
            for row in rows:
                print(*(f"{key}={value}" for key, value in row.items()), flush=True)


if __name__ == "__main__":
    main()
