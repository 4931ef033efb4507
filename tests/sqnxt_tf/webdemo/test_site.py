"""The files of a site: complete or not there, self-contained, and every fault in one line."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from sqnxt_export import Metadata, Preprocessing, write_metadata
from sqnxt_tf.errors import SqnxtError
from sqnxt_tf.webdemo import site as site_module
from sqnxt_tf.webdemo.browser_runtimes import NpmPackage
from sqnxt_tf.webdemo.site import PAGE, write_webdemo
from sqnxt_tf.webdemo.web_models import describe_models

METADATA = Metadata(
    network="small", labels=("no", "yes"), preprocessing=Preprocessing.plain(8, channels=3), data="digits/test"
)


@pytest.fixture(scope="session")
def plain_models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Return a small network as .onnx and .tflite, and a .tflite with integer input and output, without metadata."""
    import tensorflow as tf
    import tf_keras as keras

    from sqnxt_export import to_onnx, to_tflite

    folder = tmp_path_factory.mktemp("plain")
    image = keras.layers.Input((8, 8, 3), name="image")
    model = keras.Model(image, keras.layers.Dense(2, name="fc")(keras.layers.Flatten(name="flatten")(image)))
    for batch in (1, 4):
        onnx.save(to_onnx(model, batch=batch), folder / f"batch{batch}.onnx")
        (folder / f"batch{batch}.tflite").write_bytes(to_tflite(model, "float32", batch=batch))
    single = keras.layers.Input((8, 8, 3), batch_size=1, name="image")
    converter = tf.lite.TFLiteConverter.from_keras_model(keras.Model(single, model(single)))
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: [[np.ones((1, 8, 8, 3), np.float32)]]
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = converter.inference_output_type = tf.int8
    (folder / "integers.tflite").write_bytes(converter.convert())
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    (folder / "free.tflite").write_bytes(converter.convert())
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture
def models(plain_models: dict[str, bytes], tmp_path: Path) -> Path:
    folder = tmp_path / "models"
    folder.mkdir()
    for name, data in plain_models.items():
        (folder / name).write_bytes(data)
    for name in ("batch1.onnx", "batch1.tflite"):
        write_metadata(folder / name, METADATA)
    return folder


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Replace npm, and return the names of the packages that were requested."""
    asked: list[str] = []

    def fetch(package: NpmPackage, folder: Path) -> None:
        asked.append(package.name)
        for file in package.files:
            (folder / file.target).parent.mkdir(parents=True, exist_ok=True)
            (folder / file.target).write_text("a runtime")

    monkeypatch.setattr(site_module, "fetch_package", fetch)
    monkeypatch.setattr(site_module, "find_npm", lambda: "npm")
    return asked


def held(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_a_site_holds_the_page_its_models_and_only_their_runtimes(
    models: Path, tmp_path: Path, offline: list[str]
) -> None:
    site = write_webdemo([models / "batch1.tflite"], tmp_path / "site")
    assert held(tmp_path / "site") == list(site.files)
    assert set(held(PAGE)) < set(site.files)
    assert offline == ["@litertjs/core", "@litertjs/wasm-utils"]
    assert "runtimes/litert/LICENSE.txt" in site.files
    assert site.bytes == sum(path.stat().st_size for path in (tmp_path / "site").rglob("*") if path.is_file())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["models", "site"]
    page = json.loads((tmp_path / "site" / "models.json").read_text())
    (model,) = page["models"]
    assert page["title"] == "Handwritten digits"
    assert (model["labels"], model["input"], model["layout"], model["digits"]) == (
        ["no", "yes"],
        "float32",
        "NHWC",
        True,
    )
    assert Preprocessing.from_dict(model["preprocessing"]) == METADATA.preprocessing
    data = (tmp_path / "site" / model["file"]).read_bytes()
    assert data == (models / "batch1.tflite").read_bytes()
    assert model["sha256"] == hashlib.sha256(data).hexdigest()
    assert str(tmp_path) not in json.dumps(page), "nothing of this machine's folders is published"


def test_models_of_both_kinds_are_told_apart(models: Path, tmp_path: Path, offline: list[str]) -> None:
    twin = models / "BATCH1.onnx"
    twin.write_bytes((models / "batch1.onnx").read_bytes())
    site = write_webdemo([models / "batch1.onnx", models / "batch1.tflite", twin], tmp_path / "site", title="Mine")
    assert [runtime.name for runtime in site.runtimes] == ["LiteRT.js", "onnxruntime-web"]
    assert [model.file for model in site.models] == [
        "models/batch1.onnx",
        "models/batch1.tflite",
        "models/BATCH1-2.onnx",
    ]
    assert len({model.title for model in site.models}) == 3
    assert [model.layout for model in site.models] == ["NCHW", "NHWC", "NCHW"]
    assert json.loads((tmp_path / "site" / "models.json").read_text())["title"] == "Mine"


def test_a_model_that_says_nothing_gets_numbered_classes_and_a_note(
    models: Path, plain_models: dict[str, bytes], tmp_path: Path, offline: list[str]
) -> None:
    (models / "bare.onnx").write_bytes(plain_models["batch1.onnx"])
    site = write_webdemo([models / "bare.onnx"], tmp_path / "site")
    assert site.models[0].labels == ("class 0", "class 1")
    assert site.models[0].preprocessing == Preprocessing.plain(8, channels=3)
    assert not site.models[0].digits
    assert [note.removeprefix(f"{models / 'bare.onnx'}: ") for note in site.notes] == [
        "no labels: classes are numbered",
        "no metadata on preprocessing: images are stretched to 8x8, values -1 to 1, which is assumed; `preprocessing` "
        "says otherwise",
    ]
    assert str(tmp_path) not in (tmp_path / "site" / "models.json").read_text(), (
        "no folder of this machine is published"
    )


def test_files_of_one_name_are_told_apart_without_their_folders(
    models: Path, tmp_path: Path, offline: list[str]
) -> None:
    (models / "deep").mkdir()
    (models / "deep" / "batch1.onnx").write_bytes((models / "batch1.onnx").read_bytes())
    described = describe_models([models / "batch1.onnx", models / "deep" / "batch1.onnx"])
    assert [model.title for model in described] == ["batch1.onnx (1)", "batch1.onnx (2)"]
    assert [model.file for model in described] == ["models/batch1.onnx", "models/batch1-2.onnx"]


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("batch4.onnx", "takes 4 images at once; export it with `batch=1`"),
        ("batch4.tflite", "takes 4 images at once; export it with `batch=1`"),
        ("free.tflite", "has a free batch"),
        ("integers.tflite", "takes int8 and returns int8, and the page gives float32"),
    ],
)
def test_what_no_browser_runs_is_refused_with_the_reason(
    models: Path, tmp_path: Path, offline: list[str], name: str, fault: str
) -> None:
    with pytest.raises(SqnxtError, match=fault):
        write_webdemo([models / "batch1.tflite", models / name], tmp_path / "site")
    assert [path.name for path in tmp_path.iterdir()] == ["models"]


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"labels": ("one", "two", "three")}, "has 2 outputs, and its metadata name 3 classes"),
        (
            {"preprocessing": Preprocessing.plain(9, channels=3)},
            r"takes images of 8x8x3, and its metadata resize",
        ),
    ],
)
def test_metadata_that_contradict_the_file_are_refused(models: Path, change: dict[str, Any], fault: str) -> None:
    write_metadata(models / "batch1.onnx", replace(METADATA, **change))
    with pytest.raises(SqnxtError, match=fault):
        describe_models([models / "batch1.onnx"])


def test_a_site_is_replaced_by_force_and_nothing_else_is(models: Path, tmp_path: Path, offline: list[str]) -> None:
    folder, model = tmp_path / "site", models / "batch1.tflite"
    write_webdemo([model], folder)
    with pytest.raises(SqnxtError, match=r"not empty.*force=True"):
        write_webdemo([model], folder)
    again = write_webdemo([models / "batch1.onnx"], folder, force=True)
    assert held(folder) == list(again.files)
    assert not (folder / "models" / "batch1.tflite").exists()
    (folder / "models" / "thesis.txt").write_text("precious")
    with pytest.raises(SqnxtError, match=r"holds 'models/thesis.txt', which is not part of an earlier site"):
        write_webdemo([model], folder, force=True)
    assert (folder / "models" / "thesis.txt").read_text() == "precious"
    foreign = tmp_path / "foreign"
    foreign.mkdir()
    (foreign / "index.html").write_text("precious")
    for contents in (None, "no json", '{"generator": "another", "files": ["index.html"]}', '{"files": 3}', "[]"):
        if contents is not None:
            (foreign / "contents.json").write_text(contents)
        with pytest.raises(SqnxtError, match="not part of an earlier site"):
            write_webdemo([model], foreign, force=True)
    for odd in (model / "deep" / "site", Path(".."), Path("/"), model):
        with pytest.raises(SqnxtError):
            write_webdemo([model], odd, force=True)


def test_a_failure_leaves_what_was_there(
    models: Path, tmp_path: Path, offline: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(package: NpmPackage, folder: Path) -> None:
        raise SqnxtError("npm", "is out of reach")

    folder = tmp_path / "site"
    before = write_webdemo([models / "batch1.onnx"], folder)
    monkeypatch.setattr(site_module, "fetch_package", fail)
    for target in (folder, tmp_path / "other"):
        with pytest.raises(SqnxtError, match="out of reach"):
            write_webdemo([models / "batch1.onnx"], target, force=True)
    assert held(folder) == list(before.files)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["models", "site"]


def test_the_verb_tells_and_obeys_its_contract(cli: Any, models: Path, tmp_path: Path) -> None:
    model = models / "batch1.onnx"
    empty = tmp_path / "empty"
    empty.mkdir()
    assert "npm: is not installed" in cli("webdemo", model, "-o", "site", env={"PATH": str(empty)}).error_line()
    assert "no such file" in cli("webdemo", "nowhere.tflite", "-o", "site").error_line()
    assert "is not a .tflite or .onnx file" in cli("webdemo", "model.keras", "-o", "site").error_line()
    assert "is given twice" in cli("webdemo", model, f"{models}/../models/batch1.onnx", "-o", "site").error_line()
    assert "Missing argument 'MODEL...'" in cli("webdemo", "-o", "site").error_line()
    assert "is a file" in cli("webdemo", model, "-o", f"{model}/deep/site").error_line()
    assert not (tmp_path / "site").exists()


def test_the_page_asks_nothing_of_anybody() -> None:
    """Check that addresses are relative, and that the policy allows own files, WebAssembly and one import map."""
    for path in PAGE.rglob("*"):
        if path.suffix in (".html", ".css", ".js"):
            assert re.findall(r"""https?://|["'(]//|["'(]/[a-z]""", path.read_text()) == [], path
    page = (PAGE / "index.html").read_text()
    (policy,) = re.findall(r'Content-Security-Policy" content="([^"]*)"', page)
    (inline,) = re.findall(r"<script(?![^>]*src=)[^>]*>(.*?)</script>", page, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(inline.encode()).digest()).decode()
    assert f"script-src 'self' 'wasm-unsafe-eval' 'sha256-{digest}';" in policy
    assert "unsafe-inline" not in policy
    assert json.loads(inline) == {"imports": {"@litertjs/wasm-utils": "./runtimes/litert/wasm-utils.js"}}
