"""Files that may come from anyone: hostile, cut short, of another kind. One line each, and nothing runs."""

from __future__ import annotations

import io
import json
import random
import struct
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from sqnxt_export import (
    ExportError,
    load_keras,
    nonzero_fraction,
    open_model,
    read_metadata,
    save_keras,
    to_onnx,
    to_tflite,
)
from sqnxt_export.artifact.tflite_file import read_tflite


@pytest.fixture(scope="module")
def files(models: Any, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One good file of each kind."""
    folder = tmp_path_factory.mktemp("good")
    model = models["squeezenext_like"]
    paths = {suffix: folder / f"net.{suffix}" for suffix in ("keras", "onnx", "tflite")}
    save_keras(model, paths["keras"])
    onnx.save(to_onnx(model), paths["onnx"])
    paths["tflite"].write_bytes(to_tflite(model, "float32"))
    return paths


def _rewrite(path: Path, target: Path, change: Callable[[dict[str, bytes]], None]) -> Path:
    """Copy a .keras file with its members changed."""
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    change(members)
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return target


def _with_layer(path: Path, target: Path, **changes: Any) -> Path:
    """Copy a .keras file with fields of its first convolution changed."""

    def change(members: dict[str, bytes]) -> None:
        config = json.loads(members["config.json"])
        next(layer for layer in config["config"]["layers"] if layer["class_name"] == "Conv2D").update(changes)
        members["config.json"] = json.dumps(config).encode()

    return _rewrite(path, target, change)


def test_a_good_file_gives_the_model_back(files: dict[str, Path], models: Any, images: Any) -> None:
    expected = models["squeezenext_like"](images[:2]).numpy()
    np.testing.assert_allclose(load_keras(files["keras"])(images[:2]).numpy(), expected, atol=1e-6)


def test_a_read_only_file_loads(files: dict[str, Path], tmp_path: Path) -> None:
    path = tmp_path / "net.keras"
    path.write_bytes(files["keras"].read_bytes())
    path.chmod(0o400)
    assert load_keras(path).name == "squeezenext_like"


def test_no_module_that_a_file_names_is_imported(
    files: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Keras's own safe mode fails this: it imports the module before it looks at the class."""
    (tmp_path / "evil_module.py").write_text(f"open({str(tmp_path / 'executed')!r}, 'w')\nclass Conv2D: pass\n")
    monkeypatch.syspath_prepend(tmp_path)
    for number, changes in enumerate(
        [
            {"module": "evil_module"},
            {"module": "evil_module", "class_name": "Evil", "registered_name": "Evil"},
            {"build_config": {"x": {"module": "evil_module", "class_name": "Evil", "config": {}}}},
            {"module": "builtins", "class_name": "function", "config": "eval", "registered_name": "eval"},
            {"module": "os", "class_name": "function", "config": "system", "registered_name": "system"},
            {"class_name": "Lambda"},
            {"class_name": "__lambda__", "config": {"value": "x"}},
            {"module": None, "class_name": "Lambda"},
            {"class_name": ["Conv2D"]},
            {"registered_name": "package>Custom"},
            {"module": "tf_keras.src.utils.generic_utils"},
        ]
    ):
        path = _with_layer(files["keras"], tmp_path / f"evil{number}.keras", **changes)
        with pytest.raises(ExportError, match="refused") as caught:
            load_keras(path)
        assert "\n" not in str(caught.value)
    assert not (tmp_path / "executed").exists()
    assert "evil_module" not in sys.modules


def test_compile_state_is_never_looked_at(files: dict[str, Path], tmp_path: Path) -> None:
    def change(members: dict[str, bytes]) -> None:
        config = json.loads(members["config.json"])
        config["compile_config"] = {"optimizer": {"module": "evil_module", "class_name": "Evil", "config": {}}}
        members["config.json"] = json.dumps(config).encode()

    assert load_keras(_rewrite(files["keras"], tmp_path / "a.keras", change)).optimizer is None


def test_classes_that_the_caller_vouches_for(tmp_path: Path, images: Any) -> None:
    import tf_keras as keras

    @keras.saving.register_keras_serializable("tests")
    class Twice(keras.layers.Layer):
        def call(self, x: Any) -> Any:
            return 2 * x

    image = keras.Input((19, 19, 3))
    path = tmp_path / "a.keras"
    save_keras(keras.Model(image, Twice()(image)), path)
    with pytest.raises(ExportError, match="'Twice'"):
        load_keras(path)
    loaded = load_keras(path, custom_objects={"tests>Twice": Twice})
    np.testing.assert_array_equal(loaded(images[:1]).numpy(), 2 * images[:1])


def test_a_config_cannot_ask_for_more_than_the_file_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A dense layer of 160 TB: allocated, it would end the process."""
    import tf_keras as keras

    good, path = tmp_path / "good.keras", tmp_path / "a.keras"
    layers = [keras.layers.Conv2D(4, 3), keras.layers.Flatten(), keras.layers.Dense(7, name="last")]
    save_keras(keras.Sequential([keras.Input((64, 64, 3)), *layers]), good)
    for old, new in [('"units": 7', '"units": 2500000000'), ('"filters": 4', '"filters": 400000000')]:

        def change(members: dict[str, bytes], old: str = old, new: str = new) -> None:
            assert old.encode() in members["config.json"]
            members["config.json"] = members["config.json"].replace(old.encode(), new.encode())

        with pytest.raises(ExportError, match="more weights than the file holds") as caught:
            load_keras(_rewrite(good, path, change))
        assert "\n" not in str(caught.value)
    monkeypatch.setattr("sqnxt_export.runtimes.keras_runner._SPARE_BYTES", 3 * 8)
    assert load_keras(good).layers[-1].units == 7  # besides three counters, exactly what is stored


def test_keras_3_is_recognised(files: dict[str, Path], tmp_path: Path) -> None:
    def version(members: dict[str, bytes]) -> None:
        members["metadata.json"] = b'{"keras_version": "3.12.0"}'

    def module(members: dict[str, bytes]) -> None:
        members["config.json"] = b'{"module": "keras.src.models.functional", "class_name": "Functional"}'

    for change in (version, module):
        with pytest.raises(ExportError, match=r"saved by Keras 3.*rebuild the model"):
            load_keras(_rewrite(files["keras"], tmp_path / "a.keras", change))


def test_models_within_models_load(tmp_path: Path) -> None:
    import tf_keras as keras

    model = keras.Sequential([keras.Input((19, 19, 3)), keras.layers.ReLU()])
    for level in range(8):
        model = keras.Sequential([keras.Input((19, 19, 3)), model], name=f"level{level}")
    save_keras(model, tmp_path / "a.keras")
    assert load_keras(tmp_path / "a.keras").name == "level7"


def test_hostile_archives_are_refused(files: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def add(name: str, data: bytes) -> Callable[[dict[str, bytes]], None]:
        return lambda members: members.update({name: data})

    cases = {
        "outside": add("../outside", b""),
        "absolute": add("/etc/outside", b""),
        "bomb": add("config.json", b" " * (40 << 20)),
        "members": lambda members: members.update({f"m{i}": b"" for i in range(100)}),
        "no weights": lambda members: members.pop("model.weights.h5"),
        "bad weights": add("model.weights.h5", b"\x89HDF\r\n\x1a\n" + bytes(100)),
        "other weights": add("model.weights.h5", b"no HDF5"),
        "list": add("config.json", b"[]"),
        "deep": add("config.json", b"[" * 100_000),
        "deep objects": add("config.json", b'{"class_name": "Model", "x": ' + b'{"a": ' * 600 + b"1" + b"}" * 601),
    }
    for name, change in cases.items():
        path = _rewrite(files["keras"], tmp_path / f"{name}.keras", change)
        with pytest.raises(ExportError) as caught:
            load_keras(path)
        assert "\n" not in str(caught.value)
    monkeypatch.setattr("sqnxt_export.runtimes.keras_runner.MAX_WEIGHT_BYTES", 1000)
    with pytest.raises(ExportError, match="more than 1000 bytes"):
        load_keras(files["keras"])


def test_weights_that_point_elsewhere_are_refused(files: dict[str, Path], tmp_path: Path) -> None:
    import h5py

    secret = tmp_path / "secret.bin"
    secret.write_bytes(bytes(4000))
    for kind in ("external link", "external storage", "soft link", "bomb"):
        weights = tmp_path / "w.h5"
        with h5py.File(weights, "w") as file:
            if kind == "external storage":
                file.create_dataset("x", (10,), "f4", external=[(str(secret), 0, 40)])
            elif kind == "bomb":
                file.create_dataset("x", (1 << 40,), "f4", chunks=(1024,))
            else:
                file["x"] = h5py.ExternalLink(str(secret), "/x") if "external" in kind else h5py.SoftLink("/y")
        change = lambda members: members.update({"model.weights.h5": weights.read_bytes()})  # noqa: B023, E731
        path = _rewrite(files["keras"], tmp_path / f"{kind}.keras", change)
        for read in (load_keras, nonzero_fraction):
            with pytest.raises(ExportError, match="refused"):
                read(path)


def _with_weights(path: Path, target: Path, fill: Callable[[Any], None]) -> Path:
    """Copy a .keras file with other weights: whatever `fill` writes to an empty HDF5 file."""
    import h5py

    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        fill(file)
    return _rewrite(path, target, lambda members: members.update({"model.weights.h5": buffer.getvalue()}))


def _doubled_links(file: Any) -> None:
    """Two names a level: 2**30 paths to thirty groups."""
    group = file
    for _ in range(30):
        group["b"] = child = group.create_group("a")
        group = child


def _cycle(file: Any) -> None:
    file["root"] = file["/"]


def _strings(file: Any) -> None:
    import h5py

    file.create_dataset("x", (3,), h5py.string_dtype())


def test_weights_that_never_end_are_refused(
    files: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fills = {"another name": _doubled_links, "is there under": _cycle, "holds no numbers": _strings}
    for words, fill in fills.items():
        path = _with_weights(files["keras"], tmp_path / "a.keras", fill)
        for read in (load_keras, nonzero_fraction):
            with pytest.raises(ExportError, match=words):
                read(path)
    monkeypatch.setattr("sqnxt_export.artifact.keras_file._MAX_OBJECTS", 10)
    with pytest.raises(ExportError, match="more than 10 objects"):
        load_keras(files["keras"])


def _fault(read: Callable[[Path], Any], path: Path) -> str | None:
    """What the user is told, None where the file was read; any other exception fails the test."""
    try:
        read(path)
    except ExportError as error:
        return str(error)
    return None


@pytest.mark.parametrize("suffix", ["keras", "onnx", "tflite"])
def test_truncated_files_are_one_line(files: dict[str, Path], tmp_path: Path, suffix: str) -> None:
    data = files[suffix].read_bytes()
    path = tmp_path / f"cut.{suffix}"
    for keep in [0, 1, 7, 8, 64, *range(100, len(data), len(data) // 12)]:
        path.write_bytes(data[:keep])
        fault = _fault(open_model, path)
        assert fault is not None
        assert "\n" not in fault + (_fault(read_metadata, path) or "")


@pytest.mark.parametrize("suffix", ["keras", "onnx", "tflite"])
def test_other_things_under_that_name(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"net.{suffix}"
    with pytest.raises(ExportError, match="no such file"):
        open_model(path)
    path.mkdir()
    with pytest.raises(ExportError, match="is a folder"):
        open_model(path)
    path.rmdir()
    for data in (b"", b"garbage" * 100, bytes(1000), b"PK\x05\x06" + bytes(18)):
        path.write_bytes(data)
        with pytest.raises(ExportError):
            open_model(path)
    with pytest.raises(ExportError, match="unknown kind of file"):
        open_model(path.rename(tmp_path / "net.pb"))


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
        for read in (open_model, nonzero_fraction, read_metadata):
            with pytest.raises(ExportError, match="'c' lies in another file"):
                read(path)


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


def test_wrong_images_are_one_line(files: dict[str, Path], images: Any) -> None:
    runner = open_model(files["onnx"])
    for wrong in (images[:, :5], images[0], images[:0]):
        with pytest.raises(ExportError, match="give "):
            runner.run(wrong)


def _mutants(data: bytes, count: int, folder: Path) -> list[Path]:
    source = random.Random(0)
    paths = []
    for number in range(count):
        mutant = bytearray(data[: source.randrange(len(data))] if number % 4 == 0 else data)
        for _ in range(source.choice([1, 2, 8, 32])):
            if mutant:
                position = source.randrange(len(mutant) if source.random() < 0.5 else min(len(mutant), 3000))
                mutant[position] = source.choice([0, 1, 127, 128, 255, source.randrange(256)])
        paths.append(folder / f"{number}.tflite")
        paths[-1].write_bytes(mutant)
    return paths


def test_mutated_tflite_files_never_break_the_reader(files: dict[str, Path], tmp_path: Path) -> None:
    for path in _mutants(files["tflite"].read_bytes(), 300, tmp_path):
        for read in (read_tflite, nonzero_fraction):
            assert "\n" not in (_fault(read, path) or "")


def _tflite(subgraphs: int, tensors: int, rank: int = 2, *, own: bool = False) -> bytes:
    """A model whose subgraphs all name the same list of tensors, and whose tensors share one shape.

    With `own`, every subgraph and tensor is a table of its own; else each list names one table over and over.
    """
    data = bytearray(b"\0\0\0\0TFL3")
    data += struct.pack("<5H2x", 10, 8, 0, 0, 4)  # vtables: the only field is in slot 2, or in slot 0
    data += struct.pack("<3H2x", 6, 8, 4)

    def point(field: int, target: int) -> None:
        struct.pack_into("<I", data, field, target - field)

    def tables(vtable: int, count: int) -> list[int]:
        """Positions; the field to be pointed somewhere is four bytes further."""
        first = len(data)
        for index in range(count if own else 1):
            data.extend(struct.pack("<iI", first + 8 * index - vtable, 0))
        return [first + 8 * index * own for index in range(count)]

    def vector(fields: list[int], values: list[int], *, offsets: bool) -> None:
        start = len(data)
        data.extend(struct.pack(f"<I{len(values)}I", len(values), *values))
        for field in fields:
            point(field + 4, start)
        for index, value in enumerate(values if offsets else []):
            struct.pack_into("<I", data, start + 4 + 4 * index, (value - start - 4 - 4 * index) % (1 << 32))

    model = len(data)
    data += struct.pack("<iI", model - 8, 0)
    point(0, model)
    first = len(data) + 4 + 4 * subgraphs  # tables follow the vector that names them: offsets are unsigned
    vector([model], [first + 8 * index * own for index in range(subgraphs)], offsets=True)
    graphs = tables(20, subgraphs)
    first = len(data) + 4 + 4 * tensors
    vector(graphs, [first + 8 * index * own for index in range(tensors)], offsets=True)
    vector(tables(20, tensors), [1] * rank, offsets=False)
    return bytes(data)


def test_tflite_tables_that_share_their_bytes_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.tflite"
    path.write_bytes(_tflite(2, 3, own=True))
    assert [tensor.shape for tensor in read_tflite(path)] == [(1, 1)] * 6
    for data, words in [
        (_tflite(2000, 1), "listed twice"),
        (_tflite(1, 2000), "listed twice"),
        (_tflite(2000, 2000, own=True), "its parts overlap"),
        (_tflite(1, 1, rank=9), "a tensor of shape"),
    ]:
        path.write_bytes(data)
        with pytest.raises(ExportError, match=words):
            read_tflite(path)


def test_tflite_tensors_are_bounded_together(files: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sqnxt_export.artifact.tflite_file._MAX_TENSOR_SUM", 1000)
    with pytest.raises(ExportError, match="tensors of more than 1000 bytes"):
        read_tflite(files["tflite"])


_RUN_ALL = """
import sys, numpy
from sqnxt_export import ExportError, open_model
for path in sys.stdin.read().split():
    print(path, flush=True)
    try:
        runner = open_model(path, threads=1)
        runner.run(numpy.zeros((1, *runner.input_shape), numpy.float32))
    except ExportError:
        pass
"""


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["float32", "int8"])
def test_mutated_tflite_files_never_crash_the_process(models: Any, images: Any, tmp_path: Path, precision: str) -> None:
    paths = _mutants(to_tflite(models["alexnet_like"], precision, images), 1500, tmp_path)
    run = subprocess.run(
        [sys.executable, "-c", _RUN_ALL],
        input="\n".join(map(str, paths)),
        text=True,
        capture_output=True,
        timeout=600,
        check=False,
    )
    assert run.returncode == 0, f"{run.stdout.split()[-1]} ended it with {run.returncode}: {run.stderr[-500:]}"
    assert run.stderr == ""
