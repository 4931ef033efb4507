"""What a .tflite file is made of: tensors, operators, subgraphs and signatures, as plain data."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from math import prod
from pathlib import Path

from sqnxt_sim.frontend.tflite_flatbuffer import Table
from sqnxt_sim.frontend.tflite_schema import NumberType


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantization:
    """Scales and zero points of a tensor: none, one, or one for each index along `axis`."""

    scales: tuple[float, ...] = ()
    zero_points: tuple[int, ...] = ()
    axis: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class TfliteTensor:
    """One tensor of a .tflite file.

    Attributes:
        name: Its name.
        shape: Its shape; a free dimension is 1.
        signature: The same with -1 for each free dimension; empty if there is none.
        kind: Its number type.
        data: Its stored bytes if it is constant, else empty.
        offset: Offset of `data` in the file.
        quantization: Scales and zero points.
        sparsity: How `data` leaves out zeros; None if it does not.
        is_variable: Whether it is state that lives from one call to the next.
        is_external: Whether its values lie in another file.
    """

    name: str
    shape: tuple[int, ...]
    signature: tuple[int, ...]
    kind: NumberType
    data: memoryview
    offset: int
    quantization: Quantization
    sparsity: Table | None = field(repr=False)
    is_variable: bool
    is_external: bool

    @property
    def size(self) -> int:
        """Number of values."""
        return prod(self.shape)

    @property
    def is_constant(self) -> bool:
        """Whether the file holds its values."""
        return len(self.data) > 0 or self.is_external


@dataclass(frozen=True, slots=True, kw_only=True)
class TfliteOperator:
    """One operator: the schema's name of it (a custom one's own), indices of tensors (-1 is none), and options."""

    op: str
    is_custom: bool
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    options: Table | None = field(repr=False)

    def option(self, slot: int, default: int = 0) -> int:
        """Return an option that is a 32-bit integer."""
        return default if self.options is None else self.options.integer(slot, default)

    def choice(self, slot: int, default: int = 0) -> int:
        """Return an option that is a byte: a choice, or a truth value."""
        return default if self.options is None else self.options.scalar(slot, "<b", default)


@dataclass(frozen=True, slots=True, kw_only=True)
class Subgraph:
    """One graph of the file: its tensors by index, and its operators in execution order."""

    name: str
    tensors: tuple[TfliteTensor, ...]
    operators: tuple[TfliteOperator, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """A named way to call a subgraph: names of its inputs and outputs, and the indices of their tensors."""

    key: str
    subgraph: int
    inputs: dict[str, int]
    outputs: dict[str, int]


@dataclass(frozen=True)
class TfliteFile:
    """A .tflite file that was read and checked."""

    path: Path
    subgraphs: tuple[Subgraph, ...]
    signatures: tuple[Signature, ...]
    metadata: dict[str, memoryview] = field(repr=False)

    @cached_property
    def tensors(self) -> tuple[TfliteTensor, ...]:
        """The tensors of all subgraphs."""
        return tuple(tensor for graph in self.subgraphs for tensor in graph.tensors)
