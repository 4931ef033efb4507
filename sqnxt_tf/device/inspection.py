"""What is in a model or an artifact: its metadata, size and non-zero weights, read without TensorFlow."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sqnxt_base.opening import opening
from sqnxt_export import (
    Metadata,
    MicroMemory,
    compressed_bytes,
    layer_zeros,
    measure_micro,
    nonzero_fraction,
    read_metadata,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspection:
    """A file's size, non-zero weights and metadata. `layers` (of artifacts) maps a name to (zeros, weights).

    `opset` and `ir_version` are what an ONNX file asks of its reader; None for other files.
    `micro` is what TensorFlow Lite Micro needs for the file, where it was asked for.
    """

    path: Path
    bytes: int
    compressed_bytes: int
    nonzero_fraction: float
    metadata: Metadata | None
    layers: dict[str, tuple[int, int]]
    opset: int | None = None
    ir_version: int | None = None
    micro: MicroMemory | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the `inspect` document."""
        return {
            "path": str(self.path),
            "format": self.path.suffix.removeprefix("."),
            "bytes": self.bytes,
            "compressed_bytes": self.compressed_bytes,
            "nonzero_fraction": self.nonzero_fraction,
            "opset": self.opset,
            "ir_version": self.ir_version,
            "metadata": json.loads(self.metadata.to_json()) if self.metadata else None,
            "layers": [
                {"name": name, "zeros": zeros, "weights": weights} for name, (zeros, weights) in self.layers.items()
            ],
            **({} if self.micro is None else {"micro": self.micro.to_json()}),
        }


def inspect(path: str | Path, *, micro: bool = False) -> Inspection:
    """Read the metadata of a file, and count its weights.

    Args:
        path: The file.
        micro: Measure what TensorFlow Lite Micro needs for it too, which takes seconds.

    Raises:
        ExportError: The file does not exist, is damaged, or is of another kind; with `micro`, TensorFlow Lite Micro
            refuses it or is not installed.
    """
    path = Path(path)
    with opening(path):  # h5py and onnx read it by native code
        metadata = read_metadata(path)
        opset, ir_version = _asked_of_readers(path)
        found = Inspection(
            path=path,
            bytes=path.stat().st_size,
            compressed_bytes=compressed_bytes(path),
            nonzero_fraction=nonzero_fraction(path),
            metadata=metadata,
            layers={} if path.suffix.lower() == ".keras" else layer_zeros(path),
            opset=opset,
            ir_version=ir_version,
        )
    return replace(found, micro=measure_micro(path)) if micro else found


def _asked_of_readers(path: Path) -> tuple[int, int] | tuple[None, None]:
    """Return the operator set and the IR version of an ONNX file; None of any other."""
    if path.suffix.lower() != ".onnx":
        return None, None
    from sqnxt_export.artifact.onnx_file import read_onnx
    from sqnxt_export.artifact.opset import opset_of

    model = read_onnx(path)
    return opset_of(model), model.ir_version
