"""What int8 costs a trained model, by calibration method and by the layers that stay wider.

Usage: python benchmarks/quantisation.py MODEL.keras [calibration images]. The model must be trained on the digits.
"""

import sys

import numpy as np
import onnx
from numpy.typing import NDArray

from sqnxt_export import to_onnx
from sqnxt_export._libraries import onnx_session
from sqnxt_export.quantise.calibration import calibrate
from sqnxt_export.quantise.noise import layer_noise
from sqnxt_export.quantise.qdq import to_int8
from sqnxt_tf.data.arrays import spread_arrays, to_arrays
from sqnxt_tf.data.data_source import load_data
from sqnxt_tf.sources import open_source

METHODS = (("minmax", 0.0), ("percentile", 99.9), ("percentile", 99.99), ("percentile", 99.999), ("entropy", 0.0))


def logits_of(graph: onnx.ModelProto, images: NDArray[np.float32]) -> NDArray[np.float32]:
    session = onnx_session(graph.SerializeToString(), threads=1)
    return np.concatenate([session.run(None, {"input": image[None]})[0] for image in images.transpose(0, 3, 1, 2)])


def row(
    exact: NDArray[np.float32], graph: onnx.ModelProto, images: NDArray[np.float32], labels: NDArray[np.int64]
) -> str:
    noisy = logits_of(graph, images)
    snr = 10 * np.log10(np.sum(exact**2) / np.sum((exact - noisy) ** 2))
    same, right = np.mean(noisy.argmax(1) == exact.argmax(1)), np.mean(noisy.argmax(1) == labels)
    worst = np.abs(exact - noisy).max() / np.abs(exact).max()
    return f"{100 * same:.1f} | {100 * right:.1f} | {snr:.1f} | {worst:.3f} |"


def main(path: str, count: int) -> None:
    source = open_source(path)
    graph = to_onnx(source.model)
    seen = spread_arrays(load_data("digits", "train"), source.preprocessing, count).images
    parts = [to_arrays(load_data("digits", split), source.preprocessing) for split in ("validation", "test")]  # type: ignore[arg-type]
    images = np.concatenate([part.images for part in parts])
    labels = np.concatenate([part.labels for part in parts])
    exact = logits_of(graph, images)
    print(f"{path}: {len(labels)} images, float32 top-1 {100 * np.mean(exact.argmax(1) == labels):.1f} %")
    print("| method | same top-1 % | top-1 % | SNR dB | largest difference |\n|---|---|---|---|---|")
    for method, percent in METHODS:
        found = calibrate(graph, seen, method, percent)
        print(f"| {method} {percent or ''} | {row(exact, to_int8(graph, found), images, labels)}", flush=True)
    found = calibrate(graph, seen)
    noise = layer_noise(graph, to_int8(graph, found), seen[:64])
    rankings = {
        "own noise": [layer.name for layer in sorted(noise, key=lambda layer: layer.own_snr_db or 0)],
        "accumulated noise": [layer.name for layer in noise],
    }
    for wider in (1, 4, len(noise) // 2, len(noise)):
        for name, ranking in rankings.items():
            mixed = to_int8(graph, found, frozenset(ranking[:wider]))
            print(f"| {wider} of {len(noise)} wider by {name} | {row(exact, mixed, images, labels)}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 512)
