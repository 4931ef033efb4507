"""An ONNX file, read without trusting it: parsed, its free dimensions fixed, checked, and its shapes inferred."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import prod
from numbers import Integral
from pathlib import Path

import onnx
import onnx.inliner
from onnx import AttributeProto, GraphProto, ModelProto, NodeProto, TensorProto, ValueInfoProto

from sqnxt_sim.errors import SimulatorError
from sqnxt_sim.layers import MAX_MAP_SIZE
from sqnxt_sim.onnx_functions import refuse_expansion

# Shape inference needs the values of small tensors (the target of a Reshape), never those of weights.
_MAX_VALUES_FOR_INFERENCE = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class OnnxGraph:
    """A checked graph in execution order; `shapes` and `element_types` by tensor name, where they are known.

    A shape is a tuple of positive integers, or absent where onnx could not infer all of it.
    """

    name: str
    nodes: tuple[NodeProto, ...]
    initializers: dict[str, TensorProto]
    shapes: dict[str, tuple[int, ...]]
    element_types: dict[str, int]
    producers: dict[str, NodeProto]


def load_graph(path: Path, *, batch: int | None = None, input_size: int | tuple[int, int] | None = None) -> OnnxGraph:
    """Read and check an ONNX file.

    Args:
        path: The file; external data must lie in its folder.
        batch: Takes the place of a free batch dimension.
        input_size: Side or (height, width), takes the place of free dimensions of a map, channels first or last.

    Raises:
        SimulatorError: the file is missing or broken, an argument is no size, or a dimension is free that none fixes.
    """
    batch = None if batch is None else _size(batch, "batch", path)
    map_size = None if input_size is None else _map_size(input_size, path)
    model = _parse(path)
    if model.functions:
        refuse_expansion(model, path)
        with _refusing(path, "has functions that cannot be inlined"):
            model = onnx.inliner.inline_local_functions(model)
    # onnx itself refuses links and paths that lead out of the folder.
    with _refusing(path, "has external data that cannot be read"):
        onnx.load_external_data_for_model(model, str(path.parent))
    skeleton = _skeleton(model, path)
    _fix_free_dimensions(skeleton.graph, {tensor.name for tensor in model.graph.initializer}, path, batch, map_size)
    with _refusing(path, "is not a valid graph"):
        onnx.checker.check_model(skeleton)
    with _refusing(path, "has shapes or types that do not fit together"):
        inferred = onnx.shape_inference.infer_shapes(skeleton, check_type=True, strict_mode=True, data_prop=True)
    shapes, element_types = _shapes_and_types(inferred.graph)
    nodes = tuple(model.graph.node)
    return OnnxGraph(
        name=path.name,
        nodes=nodes,
        initializers={tensor.name: tensor for tensor in model.graph.initializer},
        shapes=shapes,
        element_types=element_types,
        producers={output: node for node in nodes for output in node.output if output},
    )


def node_name(node: NodeProto) -> str:
    """The node's name, or its first output's where it has none."""
    return node.name or next(iter(node.output), "") or node.op_type


def attributes(node: NodeProto) -> dict[str, AttributeProto]:
    """A node's attributes by name."""
    return {attribute.name: attribute for attribute in node.attribute}


def _map_size(value: object, path: Path) -> tuple[int, int]:
    """Height and width of what a caller gave as either a side or both."""
    if isinstance(value, Integral):
        value = (value, value)
    if not isinstance(value, (tuple, list)) or len(value) != 2:
        raise SimulatorError(f"{path}: input_size is {value!r}; give a side in pixels, or (height, width)")
    return _size(value[0], "height", path), _size(value[1], "width", path)


def _size(value: object, option: str, path: Path) -> int:
    if isinstance(value, bool) or not isinstance(value, Integral):
        raise SimulatorError(f"{path}: {option} is {value!r}; give a whole number")
    size = int(value)
    if not 1 <= size <= MAX_MAP_SIZE:
        raise SimulatorError(f"{path}: {option} {size} is out of range; give one in 1..{MAX_MAP_SIZE}")
    return size


def _parse(path: Path) -> ModelProto:
    if path.is_dir():
        raise SimulatorError(f"{path}: is a folder; name an .onnx file in it")
    if not path.exists():
        raise SimulatorError(f"{path}: no such file; check the path")
    if not path.is_file():
        raise SimulatorError(f"{path}: is not a regular file; name an .onnx file")
    try:
        content = path.read_bytes()
    except OSError as error:
        raise SimulatorError(f"{path}: cannot be read ({error.strerror}); check its permissions") from error
    try:
        return _model(content, path)
    except SimulatorError as error:
        if path.suffix.lower() == ".onnx":
            raise
        # A graph under another name is read all the same; a file of another kind is told what it should have been.
        raise SimulatorError(
            f"{path}: is not an ONNX file; simulate takes an .onnx file: `sqnxt-tf export MODEL --format onnx`"
        ) from error


def _model(content: bytes, path: Path) -> ModelProto:
    with _refusing(path, "is not an ONNX file, or a truncated one"):
        model = onnx.load_model_from_string(content)
    if not model.graph.node:
        raise SimulatorError(f"{path}: holds no ONNX graph; export it again")
    return model


def _skeleton(model: ModelProto, path: Path) -> ModelProto:
    """The model without its weights: large initializers become inputs, so that checks and inference are fast."""
    graph = model.graph
    skeleton = GraphProto(name=graph.name or "graph", node=graph.node, output=graph.output)
    skeleton.sparse_initializer.extend(graph.sparse_initializer)
    inputs = {value.name: value for value in graph.input}
    for tensor in graph.initializer:
        if any(size < 0 for size in tensor.dims):
            raise SimulatorError(f"{path}: initializer {tensor.name!r} has a negative dimension; export it again")
        if prod(tensor.dims) <= _MAX_VALUES_FOR_INFERENCE:
            skeleton.initializer.append(tensor)
        else:
            inputs[tensor.name] = onnx.helper.make_tensor_value_info(tensor.name, tensor.data_type, tensor.dims)
    skeleton.input.extend(inputs.values())
    return ModelProto(ir_version=model.ir_version, opset_import=model.opset_import, graph=skeleton)


def _fix_free_dimensions(
    graph: GraphProto, constants: set[str], path: Path, batch: int | None, input_size: tuple[int, int] | None
) -> None:
    for value in graph.input:
        if value.name in constants or not value.type.HasField("tensor_type"):
            continue
        dims = value.type.tensor_type.shape.dim
        for axis, wanted, option in _wanted_sizes(dims, batch, input_size):
            if not _is_free(dims[axis]) and dims[axis].dim_value != wanted:
                raise SimulatorError(
                    f"{path}: input {value.name!r} is fixed at {dims[axis].dim_value} along axis {axis}, not {wanted}; "
                    f"leave out `{option}`, or export the model at that size"
                )
            dims[axis].dim_value = wanted
        _refuse_free_dimensions(value, path)


def _is_free(dim: onnx.TensorShapeProto.Dimension) -> bool:
    return not dim.HasField("dim_value")


def _wanted_sizes(
    dims: Sequence[onnx.TensorShapeProto.Dimension], batch: int | None, input_size: tuple[int, int] | None
) -> Iterator[tuple[int, int, str]]:
    """(axis, size, option) for each dimension that the caller asked for."""
    if batch is not None and len(dims) >= 2:
        yield 0, batch, "--batch"
    if input_size is not None and len(dims) == 4:
        # Channels last only where the dimensions tell so: a fixed last one beside a free second.
        first = 1 if _is_free(dims[1]) and not _is_free(dims[3]) else 2
        if not any(map(_is_free, dims[1:])):
            first = 1 if dims[3].dim_value < dims[1].dim_value else 2
        yield first, input_size[0], "--input-size"
        yield first + 1, input_size[1], "--input-size"


def _refuse_free_dimensions(value: ValueInfoProto, path: Path) -> None:
    tensor = value.type.tensor_type
    if not tensor.HasField("shape"):
        raise SimulatorError(f"{path}: input {value.name!r} has no shape; export the model with a static one")
    free = [axis for axis, dim in enumerate(tensor.shape.dim) if _is_free(dim)]
    if free:
        remedies = ["`--batch 1`"] if free[0] == 0 else []
        if free[-1] > 0 and len(tensor.shape.dim) == 4:
            remedies.append("`--input-size HxW`")
        remedies = [f"fix it with {' and '.join(remedies)}"] if remedies else []
        raise SimulatorError(
            f"{path}: input {value.name!r} has a dynamic shape (axis {', '.join(map(str, free))}); "
            f"{' or '.join([*remedies, 'export it with a static shape'])}"
        )
    for axis, dim in enumerate(tensor.shape.dim):
        if dim.dim_value < 1:
            raise SimulatorError(
                f"{path}: input {value.name!r} has size {dim.dim_value} along axis {axis}; export with a positive one"
            )


def _shapes_and_types(graph: GraphProto) -> tuple[dict[str, tuple[int, ...]], dict[str, int]]:
    shapes = {tensor.name: tuple(tensor.dims) for tensor in graph.initializer}
    types = {tensor.name: int(tensor.data_type) for tensor in graph.initializer}
    for value in (*graph.input, *graph.value_info, *graph.output):
        tensor = value.type.tensor_type
        types[value.name] = tensor.elem_type
        dims = tuple(dim.dim_value for dim in tensor.shape.dim)
        if tensor.HasField("shape") and all(size > 0 for size in dims):
            shapes[value.name] = dims
    return shapes, types


@contextmanager
def _refusing(path: Path, fault: str) -> Iterator[None]:
    """Turn whatever onnx and protobuf raise (their classes vary) into one line."""
    try:
        yield
    except Exception as error:
        detail = " ".join(str(error).split())[:200] or type(error).__name__
        raise SimulatorError(f"{path}: {fault} ({detail}); export it again") from error
