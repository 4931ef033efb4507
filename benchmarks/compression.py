"""Sizes of networks after Deep Compression: 33 % of the weights kept, shared with 6 bits, entropy-coded.

    python benchmarks/compression.py [--density 0.33] [--bits 6] [NETWORK ...]

No trained weights come with this repository, so kernels are random, He normal, and pruned by magnitude; biases and
batch norm's statistics are random too, since zeros there would be flattery. Trained weights have heavier tails: their
shared values are used less evenly, which takes fewer bits. What a network's accuracy does is another question
(`sqnxt-tf compress` answers it for the digits). Every container has restored its artifact bit for bit before it is
counted.
"""

import argparse
import os
import tempfile
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import onnx

import sqnxt_tf
from sqnxt_export import Compressed, compress_artifact, to_onnx
from sqnxt_tf.cli.output import libraries_silenced
from sqnxt_tf.networks.registry import networks
from sqnxt_tf.workflows.compress_model import share_model

COLUMNS = ("network", "float32 bytes", "zipped", "container", "ratio", "weights coded", "frequency tables",
           "shared values", "rest", "entropy", "coded over entropy")  # fmt: skip


def random_model(name: str, seed: int = 0):
    """Return a network with He-normal kernels, and no bias or statistic at its initial value."""
    model, rng = sqnxt_tf.build(name), np.random.default_rng(seed)
    for layer in model.layers:
        values = []
        for variable in layer.weights:
            shape = tuple(variable.shape)
            if "kernel" in variable.name:
                fan_in = np.prod(shape[:-1]) if "depthwise" not in variable.name else np.prod(shape[:2])
                values.append(rng.normal(0, np.sqrt(2 / fan_in), shape))
            elif "gamma" in variable.name or "variance" in variable.name:
                values.append(rng.uniform(0.5, 1.5, shape))
            else:
                values.append(rng.normal(0, 0.1, shape))
        layer.set_weights(values)
    return model


def measure(name: str, density: float, bits: int) -> Compressed:
    with tempfile.TemporaryDirectory() as folder, libraries_silenced():
        path = Path(folder, f"{name}.onnx")
        onnx.save(to_onnx(share_model(random_model(name), bits=bits, density=density)), path)
        return compress_artifact(path, Path(folder, f"{name}.sqz"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--density", type=float, default=0.33)
    parser.add_argument("--bits", type=int, default=6)
    parser.add_argument("networks", nargs="*", default=default_networks())
    options = parser.parse_args()
    print(f"| {' | '.join(COLUMNS)} |\n|{'---|' * len(COLUMNS)}")
    for name in options.networks:
        found = measure(name, options.density, options.bits)
        parts = found.sections
        cells = (
            networks()[name].paper_name, f"{found.raw_bytes:,}", f"{found.zipped_bytes:,}", f"**{found.bytes:,}**",
            f"{found.raw_bytes / found.bytes:.1f}", f"{parts.words:,}", f"{parts.tables:,}", f"{parts.codebooks:,}",
            f"{parts.rest:,}", f"{found.entropy_bytes:,.0f}", f"{100 * found.overhead:.2f} %",
        )  # fmt: skip
        print(f"| {' | '.join(cells)} |", flush=True)


def default_networks() -> list[str]:
    return ["squeezenet_v1_0", *(name for name in networks() if name.startswith("sqnxt"))]


if __name__ == "__main__":
    main()
