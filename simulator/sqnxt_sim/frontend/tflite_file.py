"""An untrusted .tflite file as data, with every offset and index in it checked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from math import prod
from pathlib import Path

from sqnxt_base.printable_text import one_line
from sqnxt_base.user_files import refuse_special
from sqnxt_sim.errors import SimulatorError
from sqnxt_sim.frontend.tflite_flatbuffer import FAULTS, Flatbuffer, Table
from sqnxt_sim.frontend.tflite_parts import (
    Quantization,
    Signature,
    Subgraph,
    TfliteFile,
    TfliteOperator,
    TfliteTensor,
)
from sqnxt_sim.frontend.tflite_schema import CUSTOM, IDENTIFIER, OPERATORS, TYPES, UNKNOWN_TYPE, Slot

_MAX_BYTES = 2 << 30
_MAX_TENSOR_BYTES = 1 << 31
_MAX_TENSOR_SUM = 16 << 30
_MAX_RANK = 8


def read_tflite_file(path: Path) -> TfliteFile:
    """Read a .tflite file, and check every offset and index on the way.

    Raises:
        SimulatorError: The file cannot be read, is not a .tflite file, is cut short, or is inconsistent.
    """
    try:
        stated = path.stat()
        refuse_special(path, stated.st_mode)
        size = stated.st_size
        data = path.read_bytes() if size <= _MAX_BYTES else b""
    except OSError as error:
        raise SimulatorError(
            path, f"cannot be read ({error.strerror})", "check the path and its permissions"
        ) from error
    if size > _MAX_BYTES:
        raise SimulatorError(path, "larger than 2 GiB, which no .tflite file can be", "give another file")
    if data[4:8] != IDENTIFIER:
        raise SimulatorError(path, "not a .tflite file (no TFL3 mark in its first bytes)", "export it again")
    with refusing(path):
        return _file(path, Flatbuffer(data).root)


@contextmanager
def refusing(path: Path) -> Iterator[None]:
    """Report reads outside a .tflite file, and contradictions in it, as one `SimulatorError`."""
    try:
        yield
    except FAULTS as error:
        detail = one_line(error)
        raise SimulatorError(path, f"cut short or damaged ({detail})", "copy or export it again") from error


def _file(path: Path, model: Table) -> TfliteFile:
    stored: dict[int, tuple[memoryview, int]] = {}
    buffers = []
    for table in model.tables(Slot.MODEL_BUFFERS):
        if table.position not in stored:
            stored[table.position] = _buffer(table)
        buffers.append(stored[table.position])
    codes = [_code(table) for table in model.tables(Slot.MODEL_CODES)]
    subgraphs = tuple(_subgraph(table, buffers, codes) for table in model.tables(Slot.MODEL_SUBGRAPHS))
    if not subgraphs:
        raise ValueError("no graph inside")
    _check_sizes([tensor for graph in subgraphs for tensor in graph.tensors])
    return TfliteFile(
        path=path,
        subgraphs=subgraphs,
        signatures=tuple(_signature(table, subgraphs) for table in model.tables(Slot.MODEL_SIGNATURES)),
        metadata={
            entry.text(Slot.METADATA_NAME): buffers[entry.scalar(Slot.METADATA_BUFFER, "<I")][0]
            for entry in model.tables(Slot.MODEL_METADATA)
        },
    )


def _check_sizes(tensors: Sequence[TfliteTensor]) -> None:
    """Refuse tensors that together fit in no memory. Several constants may be the same bytes, within limits."""
    if sum(tensor.size * tensor.kind.bits for tensor in tensors) > 8 * _MAX_TENSOR_SUM:
        raise ValueError(f"tensors of more than {_MAX_TENSOR_SUM} bytes")
    if sum(len(tensor.data) for tensor in tensors) > _MAX_BYTES:
        raise ValueError(f"constants of more than {_MAX_BYTES} bytes")


def _buffer(table: Table) -> tuple[memoryview, int]:
    """Return the bytes of a buffer, and their offset in the file."""
    data = table.file.data
    start, count = table.vector(Slot.BUFFER_DATA, 1)
    offset = table.scalar(Slot.BUFFER_OFFSET, "<Q")
    if offset > 1:  # large models keep the bytes behind the flatbuffer
        start, count = offset, table.scalar(Slot.BUFFER_SIZE, "<Q")
    if start + count > len(data):
        raise IndexError(f"buffer of {count} bytes at byte {start} of {len(data)}")
    return memoryview(data)[start : start + count], start


def _code(table: Table) -> tuple[str, bool]:
    """Return the name of an operator, and whether it is a custom one. Old files have the number in a byte."""
    number = max(table.integer(Slot.CODE_NUMBER), table.scalar(Slot.CODE_OLD, "<b"))
    if number == CUSTOM:
        return table.text(Slot.CODE_CUSTOM), True
    return OPERATORS[number] if 0 <= number < len(OPERATORS) else f"operator {number}", False


def _subgraph(table: Table, buffers: list[tuple[memoryview, int]], codes: list[tuple[str, bool]]) -> Subgraph:
    tensors = tuple(_tensor(entry, buffers) for entry in table.tables(Slot.SUBGRAPH_TENSORS))
    graph = Subgraph(
        name=table.text(Slot.SUBGRAPH_NAME),
        tensors=tensors,
        operators=tuple(_operator(entry, codes) for entry in table.tables(Slot.SUBGRAPH_OPERATORS)),
        inputs=table.integers(Slot.SUBGRAPH_INPUTS),
        outputs=table.integers(Slot.SUBGRAPH_OUTPUTS),
    )
    lists = [graph.inputs, graph.outputs]
    lists += [indices for operator in graph.operators for indices in (operator.inputs, operator.outputs)]
    for indices in lists:
        for index in indices:
            if not -1 <= index < len(tensors):
                raise ValueError(f"tensor {index} of {len(tensors)}")
    return graph


def _operator(table: Table, codes: list[tuple[str, bool]]) -> TfliteOperator:
    number = table.scalar(Slot.OPERATOR_CODE, "<I")
    if number >= len(codes):
        raise ValueError(f"operator code {number} of {len(codes)}")
    op, is_custom = codes[number]
    return TfliteOperator(
        op=op,
        is_custom=is_custom,
        inputs=table.integers(Slot.OPERATOR_INPUTS),
        outputs=table.integers(Slot.OPERATOR_OUTPUTS),
        options=table.table(Slot.OPERATOR_OPTIONS) or table.table(Slot.OPERATOR_OPTIONS_2),
    )


def _tensor(table: Table, buffers: list[tuple[memoryview, int]]) -> TfliteTensor:
    shape = table.integers(Slot.TENSOR_SHAPE)
    kind = TYPES.get(table.scalar(Slot.TENSOR_TYPE, "<b"), UNKNOWN_TYPE)
    if len(shape) > _MAX_RANK or min(shape, default=0) < 0 or prod(shape) * kind.bits > 8 * _MAX_TENSOR_BYTES:
        raise ValueError(f"a tensor of shape {list(shape)[:8]}")
    data, offset = memoryview(b""), 0
    number = table.scalar(Slot.TENSOR_BUFFER, "<I")
    if buffers or number:
        data, offset = buffers[number]
    return TfliteTensor(
        name=table.text(Slot.TENSOR_NAME),
        shape=shape,
        signature=table.integers(Slot.TENSOR_SIGNATURE),
        kind=kind,
        data=data,
        offset=offset,
        quantization=_quantization(table.table(Slot.TENSOR_QUANTIZATION)),
        sparsity=table.table(Slot.TENSOR_SPARSITY),
        is_variable=table.flag(Slot.TENSOR_VARIABLE),
        is_external=table.scalar(Slot.TENSOR_EXTERNAL, "<I") > 0,
    )


def _quantization(table: Table | None) -> Quantization:
    if table is None:
        return Quantization()
    return Quantization(
        scales=tuple(map(float, table.numbers(Slot.QUANTIZATION_SCALE, "<f4"))),
        zero_points=tuple(map(int, table.numbers(Slot.QUANTIZATION_ZERO_POINT, "<i8"))),
        axis=table.integer(Slot.QUANTIZATION_AXIS),
    )


def _signature(table: Table, subgraphs: Sequence[Subgraph]) -> Signature:
    number = table.scalar(Slot.SIGNATURE_SUBGRAPH, "<I")
    if number >= len(subgraphs):
        raise ValueError(f"subgraph {number} of {len(subgraphs)}")
    size = len(subgraphs[number].tensors)
    named = []
    for slot in (Slot.SIGNATURE_INPUTS, Slot.SIGNATURE_OUTPUTS):
        named.append({t.text(Slot.MAPPED_NAME): t.scalar(Slot.MAPPED_TENSOR, "<I") for t in table.tables(slot)})
        if any(index >= size for index in named[-1].values()):
            raise ValueError(f"a signature names a tensor beyond {size}")
    return Signature(key=table.text(Slot.SIGNATURE_KEY), subgraph=number, inputs=named[0], outputs=named[1])
