"""Reader and writer of .onnx files, with the onnx package alone."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import onnx

from sqnxt_export.errors import ExportError, one_line

_MAX_BYTES = 2 << 30
"""Protobuf's own limit of a file."""
_MAX_TENSOR_BYTES = 2 << 30
_MAX_TENSOR_SUM = 16 << 30
_ITEM_BYTES = {
    onnx.TensorProto.FLOAT: 4,
    onnx.TensorProto.FLOAT16: 2,
    onnx.TensorProto.INT16: 2,
    onnx.TensorProto.INT32: 4,
    onnx.TensorProto.INT8: 1,
    onnx.TensorProto.UINT8: 1,
}
_LARGEST_ITEM_BYTES = 8


def read_onnx(path: Path) -> onnx.ModelProto:
    """Read a model that is contained in this one file.

    Raises:
        ExportError: The file is not an ONNX file, has no nodes, defines functions, or refers to values in other files.
    """
    if path.stat().st_size > _MAX_BYTES:
        raise ExportError(path, "larger than 2 GiB, which no ONNX file can be", "give another file")
    try:
        model: onnx.ModelProto = onnx.ModelProto.FromString(path.read_bytes())
    except Exception as error:  # protobuf's DecodeError differs between its implementations
        raise ExportError(path, f"not an ONNX file or cut short ({one_line(error)})", "export it again") from error
    if not model.graph.node or not model.opset_import:
        raise ExportError(path, "not an ONNX file (no graph inside)", "export it again")
    if model.functions:  # nested functions, two calls per level, double the graph with every level
        raise ExportError(path, "has functions of its own", "inline them with onnx.inliner.inline_local_functions")
    for tensor in _tensors(model.graph):
        if tensor.data_location == onnx.TensorProto.EXTERNAL:
            raise ExportError(path, f"weight {tensor.name[:80]!r} lies in another file", "save the model as one file")
    return model


def _tensors(graph: onnx.GraphProto) -> Iterator[onnx.TensorProto]:
    """Yield every tensor of a graph, including its branches and loops; protobuf itself limits the depth to 100."""
    yield from graph.initializer
    for sparse in graph.sparse_initializer:
        yield from (sparse.values, sparse.indices)
    for attribute in (attribute for node in graph.node for attribute in node.attribute):
        yield from (attribute.t, *attribute.tensors)
        for sparse in (attribute.sparse_tensor, *attribute.sparse_tensors):
            yield from (sparse.values, sparse.indices)
        for inner in (*([attribute.g] if attribute.HasField("g") else []), *attribute.graphs):
            yield from _tensors(inner)


def check_sizes(path: Path, model: onnx.ModelProto) -> None:
    """Refuse a graph whose tensors would not fit in any memory, since a runtime allocates them unchecked.

    Shapes that depend on the input values are unknown; a dimension without a value counts as one.

    Raises:
        ExportError: A tensor is larger than 2 GiB, all together exceed 16 GiB, or shapes contradict each other.
    """
    try:
        graph = onnx.shape_inference.infer_shapes(model, data_prop=True).graph
    except Exception as error:  # the C++ side has classes of its own
        raise ExportError(path, f"its shapes make no sense ({one_line(error)})", "export it again") from error
    total = 0
    for value in (*graph.input, *graph.value_info, *graph.output):
        kind = value.type.tensor_type
        size = math.prod(max(dimension.dim_value, 1) for dimension in kind.shape.dim)
        size *= _ITEM_BYTES.get(kind.elem_type, _LARGEST_ITEM_BYTES)
        total += size
        if size > _MAX_TENSOR_BYTES or total > _MAX_TENSOR_SUM:
            raise ExportError(
                path,
                f"describes tensors of more than {_MAX_TENSOR_BYTES >> 30} GiB, or {_MAX_TENSOR_SUM >> 30} "
                f"GiB in all, as {value.name[:80]!r}",
                "export it for smaller images or batches",
            )


def without_inferred_shapes(model: onnx.ModelProto) -> onnx.ModelProto:
    """Remove what the graph says of intermediate tensors where shape inference says the same; return the model.

    A description is a claim that readers hold against their own inference: tract refuses the name of a free batch in
    it, and it takes a few per cent of a small file.
    """
    graph = model.graph
    described = list(graph.value_info)
    del graph.value_info[:]
    inferred = {value.name: value for value in onnx.shape_inference.infer_shapes(model).graph.value_info}
    graph.value_info.extend(value for value in described if inferred.get(value.name) != value)
    return model


def save_onnx(model: onnx.ModelProto, path: Path) -> None:
    """Write the model to one file.

    Raises:
        ExportError: The model is larger than ONNX allows.
        OSError: The disk is full; `whole_file` turns this into an ExportError.
    """
    try:
        data = model.SerializeToString()
    except Exception as error:
        raise ExportError(path, f"too large for one ONNX file ({one_line(error)})", "use a smaller network") from error
    path.write_bytes(data)
