"""The figures of a container: the sizes of its tensors and parts, beside their entropy."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from sqnxt_export.compression.container import Sections


@dataclass(frozen=True, slots=True, kw_only=True)
class TensorSize:
    """The size of one coded tensor.

    Attributes:
        name: The tensor.
        type: Number type of its elements.
        weights: Number of elements.
        nonzero: Number of elements that are not zero.
        values: Number of symbols; without low bits, the number of distinct values.
        low_bits: Number of low bits that are stored beside each symbol.
        raw_bytes: Size in the artifact.
        entropy_bytes: Smallest possible size of a code for its symbols, each coded by itself.
        coded_bytes: Size in the container.
    """

    name: str
    type: str
    weights: int
    nonzero: int
    values: int
    low_bits: int
    raw_bytes: int
    entropy_bytes: float
    coded_bytes: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Compressed:
    """A container that was written, in figures.

    Attributes:
        path: The container.
        source: The artifact.
        format: Format of the artifact, "onnx" or "tflite".
        bytes: Size of the container.
        raw_bytes: Size of the artifact.
        zipped_bytes: Size of the artifact once deflated, as in a zip archive.
        sha256: SHA-256 of the artifact, in hexadecimal.
        sections: Size of each part of the container.
        tensors: The coded tensors.
        zero_bits: Average number of bits of a weight that is zero; 0 if there is none.
        nonzero_bits: Average number of bits of any other weight; 0 if there is none.
        model_weights: Number of weights of the artifact's layers, coded or not, as `layer_zeros` counts them.
        model_zeros: Number of those that are zero.
    """

    path: str
    source: str
    format: str
    bytes: int
    raw_bytes: int
    zipped_bytes: int
    sha256: str
    sections: Sections
    tensors: tuple[TensorSize, ...]
    zero_bits: float
    nonzero_bits: float
    model_weights: int = 0
    model_zeros: int = 0

    @property
    def weights(self) -> int:
        """Number of weights in all coded tensors."""
        return sum(tensor.weights for tensor in self.tensors)

    @property
    def nonzero_fraction(self) -> float:
        """Fraction of the weights in all coded tensors that are not zero; 1 if there are none."""
        return sum(tensor.nonzero for tensor in self.tensors) / self.weights if self.weights else 1.0

    @property
    def model_nonzero_fraction(self) -> float:
        """Fraction of the weights of the artifact's layers that are not zero, as in `inspect`; 1 if there are none."""
        return 1 - self.model_zeros / self.model_weights if self.model_weights else 1.0

    @property
    def entropy_bytes(self) -> float:
        """Entropy of all coded tensors, in bytes."""
        return sum(tensor.entropy_bytes for tensor in self.tensors)

    @property
    def coded_bytes(self) -> int:
        """Size of the coder's words and of the frequency tables that decoding them takes."""
        return self.sections.words + self.sections.tables

    @property
    def overhead(self) -> float:
        """Excess of `coded_bytes` over the entropy, as a fraction of the entropy."""
        return self.coded_bytes / self.entropy_bytes - 1 if self.entropy_bytes else 0.0

    def to_json(self) -> dict[str, Any]:
        """Return the JSON document of a compression."""
        plain = [name for name in self.__dataclass_fields__ if name not in ("sections", "tensors")]
        derived = ["weights", "nonzero_fraction", "model_nonzero_fraction", "entropy_bytes", "coded_bytes", "overhead"]
        return {
            **{name: getattr(self, name) for name in plain + derived},
            "ratio": self.raw_bytes / self.bytes,
            "sections": asdict(self.sections),
            "tensors": [asdict(tensor) for tensor in self.tensors],
        }
