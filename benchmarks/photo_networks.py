"""Networks trained alike on photographs: accuracy of every artifact beside its bytes, latency, cycles and energy.

For each network: it is trained by the recipe `photos`, 40 % of its weights are pruned, the pruned model is exported in
every precision, and once more in int8 after it was fine-tuned with the rounding of int8 (`qat`). Each file is judged on
the test part, timed on this machine, and simulated on both of the paper's arrays (ONNX). A file is a row; `agreement`
is how often it gives its model's top-1, of which `export` asks 99 % where nothing else is said. Every step keeps its
document in the work folder, so that the same command continues where it stopped; training itself resumes within a run.

The photographs are those of alexeygrigorev/clothing-dataset-small (CC0 1.0), at 256 pixels of the shorter side.

Run it as `python benchmarks/photo_networks.py PHOTOS [--only NETWORK...] [--work FOLDER] [--minutes N]`.
"""

import argparse
import time
from pathlib import Path
from typing import Any

from kept_results import (
    Steps,
    append_rows,
    interval_columns,
    machine_columns,
    read_rows,
    told_row,
    training_seconds,
)  # fmt: skip

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
SHORT = {array: array.removeprefix("squeezelerator-") for array in ARRAYS}
COLUMNS = (
    "network", "file", "format", "precision", "agreement", "top1", "top1_low", "top1_high", "images", "bytes", "p50_ms",
    *(f"{figure}_{SHORT[array]}" for array in ARRAYS for figure in ("cycles", "energy")), "training_seconds",
    "cores", "machine",
)  # fmt: skip


def rows_of(network: str, photos: Path, steps: Steps) -> list[dict[str, Any]]:
    """Train, prune and export a network, and return a row for each of its files."""
    model, pruned, qat = (steps.folder / f"{name}.keras" for name in ("model", "pruned", "qat"))
    size = ("--input-size", INPUT_SIDE, *NETWORKS[network])
    trained = steps.document("train", "train", "--network", network, "--data", photos, *size, "-o", model, made=model)
    steps.document("prune", "prune", model, "--data", photos, "-o", pruned, made=pruned)
    tuning = ("--from", pruned, "--qat", "int8", "--epochs", QAT_EPOCHS)
    steps.document("qat", "train", *tuning, "--data", photos, "-o", qat, made=qat)
    rows = [judged(path, photos, steps) for path in (model, pruned, qat)]
    for source, format, precision in EXPORTS:
        path = steps.folder / f"{source}-{precision}.{format}"
        # what an artifact that agrees too little with its model is worth is to be seen too
        asked = ("--precision", precision, "--data", photos, "--allow-drop", 100)
        made = steps.document(path.name, "export", steps.folder / f"{source}.keras", "-o", path, *asked, made=path)
        about = {"format": format, "precision": precision, "agreement": round(made["parity"]["top1_agreement"], 4)}
        rows.append(about | judged(path, photos, steps))
    return [{"network": network, "training_seconds": training_seconds(trained), **row} for row in rows]


def judged(path: Path, photos: Path, steps: Steps) -> dict[str, Any]:
    """Return what a file is worth: accuracy, bytes, latency (artifacts), cycles and energy (ONNX)."""
    test = steps.document(f"{path.name}-evaluate", "evaluate", path, "--data", photos)
    row = {
        "file": path.name, **interval_columns(test, ("top1", "top1_low", "top1_high")), "images": test["samples"],
        "bytes": path.stat().st_size,
    }  # fmt: skip
    if path.suffix != ".keras":
        timed = steps.document(f"{path.name}-benchmark", "benchmark", path, "--seconds", 20)
        row["p50_ms"] = timed[0]["latency_ms"]["p50"]
    if path.suffix == ".onnx":
        for array in ARRAYS:
            name = f"{path.name}-{array}"
            total = steps.document(name, "simulate", path, "--accelerator", array)["total"]
            row |= {f"cycles_{SHORT[array]}": round(total["cycles"]), f"energy_{SHORT[array]}": round(total["energy"])}
    return row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path)
    parser.add_argument("--only", nargs="+", choices=NETWORKS, default=list(NETWORKS))
    parser.add_argument("--work", type=Path, default=Path("photo-networks"))
    parser.add_argument("--minutes", type=float, default=float("inf"), help="begin no step after this time")
    arguments = parser.parse_args()
    until = time.monotonic() + 60 * arguments.minutes
    finished = {row["network"] for row in read_rows(RESULTS)}
    for network in arguments.only:
        if network not in finished:
            folder = arguments.work / network
            folder.mkdir(parents=True, exist_ok=True)
            rows = rows_of(network, arguments.photos, Steps(folder, until))
            append_rows(RESULTS, COLUMNS, ({**row, **machine_columns()} for row in rows))
            for row in rows:
                told_row(row)


if __name__ == "__main__":
    main()
