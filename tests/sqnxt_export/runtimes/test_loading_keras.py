"""Untrusted .keras files: each fault is one line, and no code that a file names is run."""

from __future__ import annotations

import io
import json
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sqnxt_export import (
    ExportError,
    load_keras,
    nonzero_fraction,
    save_keras,
)

_FUNCTIONS = "tf_keras.src.layers.core.tf_op_layer"


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
    """Keras's own safe mode fails this test: it imports the module before it checks the class."""
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
            {"module": "tf_keras.src.applications.convnext", "class_name": "ConvNeXt"},
            {"module": "tf_keras.src.applications.convnext", "class_name": "LayerScale", "registered_name": "os>x"},
            {"module": "os", "class_name": "TFOpLambda"},
            {"module": _FUNCTIONS, "class_name": "TFOpLambda", "config": {"function": "io.write_file"}},
            {"module": _FUNCTIONS, "class_name": "TFOpLambda", "config": {"function": ["math.add"]}},
            {"module": _FUNCTIONS, "class_name": "TFOpLambda", "config": "math.add"},
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
    """A dense layer of 160 TB would end the process if it were allocated."""
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
    monkeypatch.setattr("sqnxt_export.runtimes.allocation.SPARE_BYTES", 3 * 8)
    assert load_keras(good).layers[-1].units == 7  # exactly the stored bytes, besides three counters


@pytest.mark.parametrize(
    "reference", [["relu", 0, 0, {}], ["image", 0, 7, {}], ["conv", -1, 0, {}], ["conv", "0", 0, {}]]
)
def test_calls_that_wait_for_ever_are_refused(tmp_path: Path, reference: list[Any]) -> None:
    """tf_keras loops forever over the first and the third file."""
    import tf_keras as keras

    image = keras.Input((8, 8, 3), name="image")
    relu = keras.layers.ReLU(name="relu")
    output = relu(keras.layers.Conv2D(2, 1, name="conv")(image))
    save_keras(keras.Model(image, output), tmp_path / "good.keras")

    def change(members: dict[str, bytes]) -> None:
        config = json.loads(members["config.json"])
        config["config"]["layers"][-1]["inbound_nodes"] = [[reference]]
        members["config.json"] = json.dumps(config).encode()

    with pytest.raises(ExportError, match="'relu' is called with an output that is never made"):
        load_keras(_rewrite(tmp_path / "good.keras", tmp_path / "a.keras", change))


def test_models_called_twice_and_functions_between_them_load(tmp_path: Path) -> None:
    import tf_keras as keras

    layers = keras.layers
    image = keras.Input((8, 8, 3))
    inner = keras.Input((8, 8, 3))
    shared = keras.Model(inner, layers.Conv2D(3, 1)(inner), name="shared")
    line = keras.Sequential([layers.Conv2D(3, 1), layers.ReLU()], name="line")
    x = shared(shared(image) * 0.5 + image)
    model = keras.Model(image, layers.Add()([line(x), line(1 - x), x]))
    save_keras(model, tmp_path / "a.keras")
    images = np.random.default_rng(0).normal(size=(2, 8, 8, 3)).astype(np.float32)
    np.testing.assert_allclose(load_keras(tmp_path / "a.keras")(images).numpy(), model(images).numpy(), atol=1e-6)


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
    """Give each of thirty nested groups two names, which makes 2**30 paths."""
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
    fills = {"another name": _doubled_links, "has another name too": _cycle, "holds no numbers": _strings}
    for words, fill in fills.items():
        path = _with_weights(files["keras"], tmp_path / "a.keras", fill)
        for read in (load_keras, nonzero_fraction):
            with pytest.raises(ExportError, match=words):
                read(path)
    monkeypatch.setattr("sqnxt_export.artifact.keras_file._MAX_OBJECTS", 10)
    with pytest.raises(ExportError, match="more than 10 objects"):
        load_keras(files["keras"])
