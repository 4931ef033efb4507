"""Untrusted .onnx files: nothing outside the file is read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from sqnxt_export import (
    ExportError,
    nonzero_fraction,
    open_model,
    read_metadata,
)


def test_onnx_files_that_cannot_run_here(files: dict[str, Path], tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    model = onnx.load(files["onnx"])
    model.graph.input[0].type.tensor_type.shape.dim[2].dim_param = "height"
    onnx.save(model, path)
    with pytest.raises(ExportError, match="fixed size"):
        open_model(path)
    model = onnx.load(files["onnx"])
    tensor = model.graph.initializer[0]
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="../../etc/passwd")
    path.write_bytes(model.SerializeToString())
    with pytest.raises(ExportError, match="lies in another file"):
        open_model(path)


def _external() -> onnx.TensorProto:
    tensor = onnx.TensorProto(name="c", data_type=onnx.TensorProto.FLOAT, dims=[1, 3, 4, 4])
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="../secret.bin")
    return tensor


def _onnx_with(*nodes: onnx.NodeProto, **parts: Any) -> onnx.ModelProto:
    values = [onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [1, 3, 4, 4]) for name in ("x", "y")]
    graph = onnx.helper.make_graph(nodes, "g", values[:1], values[1:])
    opsets = [onnx.helper.make_opsetid("", 17), onnx.helper.make_opsetid("own", 1)]
    return onnx.helper.make_model(graph, opset_imports=opsets, **parts)


def test_onnx_files_that_read_others_from_anywhere_inside(tmp_path: Path) -> None:
    make, path = onnx.helper.make_node, tmp_path / "net.onnx"
    sparse = onnx.SparseTensorProto(values=_external(), dims=[48])
    branch = onnx.GraphProto(name="b", initializer=[_external()], node=[make("Identity", ["c"], ["z"])])
    in_sparse_initializer = _onnx_with(make("Relu", ["x"], ["y"]))
    in_sparse_initializer.graph.sparse_initializer.append(sparse)
    for model in (
        _onnx_with(make("Constant", [], ["y"], value=_external())),
        _onnx_with(make("Constant", [], ["y"], sparse_value=sparse)),
        _onnx_with(make("Own", ["x"], ["y"], domain="own", values=[_external()])),
        _onnx_with(make("If", ["x"], ["y"], then_branch=branch, else_branch=branch)),
        _onnx_with(make("Own", ["x"], ["y"], domain="own", bodies=[branch])),
        in_sparse_initializer,
    ):
        path.write_bytes(model.SerializeToString())
        for read in (open_model, read_metadata):
            with pytest.raises(ExportError, match="'c' lies in another file"):
                read(path)
        with pytest.raises(ExportError, match=r"points outside the directory|no convolution or dense layer"):
            nonzero_fraction(path)


def test_weights_in_other_files_are_counted_in_the_folder_alone(tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    tensor = onnx.TensorProto(name="w", data_type=onnx.TensorProto.FLOAT, dims=[1, 3, 4, 4])
    tensor.data_location = onnx.TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="weights.bin")
    model = _onnx_with(onnx.helper.make_node("Conv", ["x", "w"], ["y"]))
    model.graph.initializer.append(tensor)
    path.write_bytes(model.SerializeToString())
    values = np.ones(48, np.float32)
    values[:12] = 0
    (tmp_path / "weights.bin").write_bytes(values.tobytes())
    assert nonzero_fraction(path) == 0.75
    sparse = _onnx_with(onnx.helper.make_node("Conv", ["x", "w"], ["y"]))
    indices = onnx.numpy_helper.from_array(np.arange(48), "indices")
    tensor.dims[:] = [48]
    sparse.graph.sparse_initializer.append(onnx.SparseTensorProto(values=tensor, indices=indices, dims=[1, 3, 4, 4]))
    path.write_bytes(sparse.SerializeToString())
    with pytest.raises(ExportError, match="'w' does not hold the values"):
        nonzero_fraction(path)


def test_onnx_functions_are_refused_with_a_remedy_that_works(tmp_path: Path) -> None:
    from onnx import inliner

    make, path = onnx.helper.make_node, tmp_path / "net.onnx"
    opsets = [onnx.helper.make_opsetid("", 17)]
    function = onnx.helper.make_function("own", "Own", ["i"], ["o"], [make("Relu", ["i"], ["o"])], opsets)
    model = _onnx_with(make("Own", ["x"], ["y"], domain="own"), functions=[function])
    model.ir_version = 10
    path.write_bytes(model.SerializeToString())
    with pytest.raises(ExportError, match=r"inline them with onnx\.inliner\.inline_local_functions"):
        open_model(path)
    onnx.save(inliner.inline_local_functions(model), path)
    assert open_model(path).input_shape == (4, 4, 3)


def test_onnx_graphs_that_make_much_of_little_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    sizes = onnx.helper.make_tensor("s", onnx.TensorProto.INT64, [4], [1, 1, 1 << 20, 1 << 20])
    make = onnx.helper.make_node
    model = _onnx_with(make("Tile", ["x", "s"], ["big"]), make("Relu", ["x"], ["y"]))
    model.graph.initializer.append(sizes)
    path.write_bytes(model.SerializeToString())
    with pytest.raises(ExportError, match="more than 2 GiB"):
        open_model(path)
    model = _onnx_with(onnx.helper.make_node("Relu", ["x"], ["y"]))
    for value in (model.graph.input[0], model.graph.output[0]):
        value.type.tensor_type.shape.dim[0].dim_value = 1 << 24
    path.write_bytes(model.SerializeToString())
    with pytest.raises(ExportError, match=r"more than 2 GiB|more than fit in memory"):
        open_model(path)
