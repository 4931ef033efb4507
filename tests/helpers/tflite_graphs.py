""".tflite files made by hand, with LiteRT's own description of the schema."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

TYPES = {"float32": 0, "float16": 1, "int32": 2, "uint8": 3, "int64": 4, "bool": 6, "int16": 7, "int8": 9, "int4": 17}


class TfliteMaker:
    """A builder of a file with one graph: tensors by name, then operators that name them."""

    def __init__(self) -> None:
        import ai_edge_litert.schema_py_generated as schema

        self.schema: Any = schema
        self.model = schema.ModelT()
        self.model.version, self.model.description = 3, b""
        self.model.operatorCodes, self.model.buffers = [], [schema.BufferT()]
        self.graph = schema.SubGraphT()
        self.graph.tensors, self.graph.operators = [], []
        self.graph.inputs, self.graph.outputs = [], []
        self.model.subgraphs = [self.graph]
        self._places: dict[str, int] = {}

    def tensor(
        self,
        name: str,
        shape: Sequence[int],
        kind: str = "float32",
        *,
        values: Any = None,
        zero_points: Sequence[int] = (),
        axis: int = 0,
        is_input: bool = False,
    ) -> str:
        """Add a tensor, constant if it has values, and return its name."""
        tensor = self.schema.TensorT()
        tensor.name, tensor.shape, tensor.type, tensor.buffer = name.encode(), list(shape), TYPES[kind], 0
        if kind.startswith(("int", "uint")):
            tensor.quantization = self.schema.QuantizationParametersT()
            tensor.quantization.zeroPoint = list(zero_points) or [0]
            tensor.quantization.scale = [0.5] * len(tensor.quantization.zeroPoint)
            tensor.quantization.quantizedDimension = axis
        if values is not None:
            tensor.buffer = self.buffer(np.asarray(values, None if kind == "int4" else kind).tobytes())
        self._places[name] = len(self.graph.tensors)
        self.graph.tensors.append(tensor)
        if is_input:
            self.graph.inputs.append(self._places[name])
        return name

    def buffer(self, data: bytes) -> int:
        """Add a buffer and return its number."""
        buffer = self.schema.BufferT()
        buffer.data = np.frombuffer(data, np.uint8)
        self.model.buffers.append(buffer)
        return len(self.model.buffers) - 1

    def node(
        self,
        op: str,
        inputs: Sequence[str],
        outputs: Sequence[str],
        *,
        options: str = "",
        custom: str = "",
        **given: Any,
    ) -> None:
        """Add an operator; an empty input is left out. `options` is the schema's class, `given` its fields."""
        code = self.schema.OperatorCodeT()
        number = getattr(self.schema.BuiltinOperator, op)
        code.builtinCode, code.deprecatedBuiltinCode, code.version = number, min(number, 127), 1
        code.customCode = custom.encode() if custom else None
        self.model.operatorCodes.append(code)
        node = self.schema.OperatorT()
        node.opcodeIndex = len(self.model.operatorCodes) - 1
        node.inputs = [self._places[name] if name else -1 for name in inputs]
        node.outputs = [self._places[name] for name in outputs]
        if options:
            node.builtinOptionsType = getattr(self.schema.BuiltinOptions, options)
            node.builtinOptions = getattr(self.schema, f"{options}T")()
            for field, value in given.items():
                setattr(node.builtinOptions, field, value)
        self.graph.operators.append(node)

    def sparsity(self, name: str, order: Sequence[int], blocks: Sequence[int], sizes: Sequence[Any]) -> None:
        """Make a tensor sparse; `sizes` has a number for a dense dimension, (segments, indices) for another."""
        given = self.schema.SparsityParametersT()
        given.traversalOrder, given.blockMap, given.dimMetadata = list(order), list(blocks), []
        for size in sizes:
            dimension = self.schema.DimensionMetadataT()
            if isinstance(size, int):
                dimension.format, dimension.denseSize = 0, size
            else:
                dimension.format = 1
                vectors = [self.schema.Int32VectorT(), self.schema.Int32VectorT()]
                for vector, values in zip(vectors, size, strict=True):
                    vector.values = list(values)
                dimension.arraySegmentsType = dimension.arrayIndicesType = 1
                dimension.arraySegments, dimension.arrayIndices = vectors
            given.dimMetadata.append(dimension)
        self.graph.tensors[self._places[name]].sparsity = given

    def to_bytes(self, outputs: Sequence[str] = ()) -> bytes:
        """Return the file, with the outputs of the last operator as its own unless they are named."""
        import flatbuffers  # type: ignore[import-untyped]

        last = self.graph.operators[-1].outputs if self.graph.operators else []
        self.graph.outputs = [self._places[name] for name in outputs] or list(last)
        builder = flatbuffers.Builder(1024)
        builder.Finish(self.model.Pack(builder), file_identifier=b"TFL3")
        return bytes(builder.Output())


def weights(shape: Sequence[int], zeros: Mapping[tuple[int, ...], float] | None = None) -> np.ndarray[Any, Any]:
    """Return float32 values of which none is zero but those that are given by their place."""
    values = np.arange(1, 1 + int(np.prod(shape)), dtype=np.float32).reshape(shape)
    for place, value in (zeros or {}).items():
        values[place] = value
    return values
