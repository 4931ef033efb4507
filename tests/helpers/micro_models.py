"""Small int8 classifiers for TensorFlow Lite Micro, made without TensorFlow, and C files compiled by the host."""

from __future__ import annotations

import ctypes
import subprocess
from pathlib import Path

import numpy as np

from helpers.tflite_graphs import TfliteMaker
from sqnxt_export import Border, Metadata, MicroMemory, Preprocessing, write_metadata
from sqnxt_tf.microcontroller.micro_model import MicroModel, pixel_table

DIGITS = tuple("0123456789")


def write_classifier(path: Path, side: int = 12, channels: int = 3, *, labels: tuple[str, ...] = DIGITS) -> Path:
    """Write an int8 file with integer borders: a convolution and a dense layer of seeded weights."""
    random = np.random.default_rng(5)
    maker = TfliteMaker()
    classes, filters, half = len(labels), 4, side // 4

    def weights(*shape: int) -> np.ndarray:
        return random.integers(-60, 60, shape, np.int8)

    maker.tensor("x", (1, side, side, channels), "int8", zero_points=[-1], is_input=True)
    maker.tensor("k", (filters, 4, 4, channels), "int8", values=weights(filters, 4, 4, channels))
    maker.tensor("b", (filters,), "int32", values=np.zeros(filters))
    maker.tensor("y", (1, half, half, filters), "int8", zero_points=[3])
    maker.node(
        "CONV_2D", ["x", "k", "b"], ["y"], options="Conv2DOptions", strideH=4, strideW=4, padding=1,
        dilationHFactor=1, dilationWFactor=1,
    )  # fmt: skip
    maker.tensor("w", (classes, half * half * filters), "int8", values=weights(classes, half * half * filters))
    maker.tensor("c", (classes,), "int32", values=np.zeros(classes))
    maker.tensor("z", (1, classes), "int8", zero_points=[5])
    maker.node("FULLY_CONNECTED", ["y", "w", "c"], ["z"], options="FullyConnectedOptions")
    _scales(maker, {"x": 1 / 127, "k": 0.01, "b": 0.01 / 127, "y": 0.05, "w": 0.01, "c": 0.0005, "z": 0.2})
    path.write_bytes(maker.to_bytes())
    plain = Preprocessing.plain(side, side, channels=channels)
    write_metadata(path, Metadata(network="tiny", labels=labels, preprocessing=plain, precision="int8"))
    return path


def _scales(maker: TfliteMaker, scales: dict[str, float]) -> None:
    for tensor in maker.graph.tensors:
        tensor.quantization.scale = [scales[tensor.name.decode()]]


def described(
    preprocessing: Preprocessing, border: Border | None, *, data: bytes = b"\x1c", labels: tuple[str, ...] = DIGITS
) -> MicroModel:
    """Return the description of a model that need not exist, for the C files that are made from it."""
    dtype = "float32" if border is None else border.dtype
    memory = MicroMemory(
        model_bytes=len(data), arena_bytes=1024, persistent_bytes=24, transient_bytes=1000, operators=("ADD",),
        version="0",
    )  # fmt: skip
    return MicroModel(
        path=Path("net.tflite"), data=data, metadata=Metadata(), memory=memory, methods=("AddAdd",),
        preprocessing=preprocessing, input=border, input_type=dtype, pixels=pixel_table(preprocessing, border, dtype),
        output=None, output_type="float32", output_index=0, labels=labels, notes=(),
    )  # fmt: skip


def compiled(folder: Path, *sources: str) -> ctypes.CDLL:
    """Compile C files of a folder to a library, warnings being errors, and load it."""
    library = folder / "parts.so"
    strict = ["-std=c99", "-O2", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-ffp-contract=off"]
    files = [str(folder / name) for name in sources]
    subprocess.run(["cc", *strict, "-shared", "-fPIC", "-o", str(library), *files, "-lm"], check=True)
    return ctypes.CDLL(str(library))
