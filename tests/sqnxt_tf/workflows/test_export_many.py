"""All artifacts of one model by one call."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sqnxt_export import ExportError, Metadata, ParityError, Preprocessing, save_keras
from sqnxt_export.quantise.precision import CALIBRATED, PRECISIONS, is_possible
from sqnxt_tf.errors import SqnxtError
from sqnxt_tf.workflows import export_many as module
from sqnxt_tf.workflows.export_many import export_many, options_for, pairs


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import tf_keras as keras

    keras.utils.set_random_seed(3)
    image = keras.layers.Input((8, 8, 3))
    x = keras.layers.Conv2D(4, 3, strides=2)(image)
    x = keras.layers.Dense(10)(keras.layers.GlobalAveragePooling2D()(x))
    path = tmp_path_factory.mktemp("model") / "mine.keras"
    labels = tuple("0123456789")
    save_keras(keras.Model(image, x), path, Metadata(preprocessing=Preprocessing.plain(8, 8), labels=labels))
    return path


def test_every_precision_of_a_format_is_written_and_the_model_is_opened_once(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened, really_open = [], module.open_any

    def open_any(name: str, **settings: Any) -> Any:
        opened.append(name)
        return really_open(name, **settings)

    monkeypatch.setattr(module, "open_any", open_any)
    results, failed = export_many(model, tmp_path, ["onnx"], samples=8, calibration=64)
    due = [f"mine-{precision}.onnx" for precision in ("float32", "float16", "int16", "int8-weights", "int8")]
    assert sorted(Path(one.path).name for one in (*results, *failed)) == sorted(due)
    assert sorted(tmp_path.iterdir()) == sorted(Path(one.path) for one in results)  # a random model may not bear 8 bits
    assert {"mine-float32.onnx", "mine-float16.onnx"} <= {path.name for path in tmp_path.iterdir()}
    assert opened == [str(model)]
    with pytest.raises(ExportError, match="exists already"):
        export_many(model, tmp_path, ["onnx"])


def test_an_artifact_that_does_not_equal_the_model_is_named_and_the_others_are_written(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    results, _ = export_many(model, tmp_path, ["onnx"], ["float32"], samples=8)

    def export_source(source: Any, path: Path, options: Any, **_: Any) -> Any:
        if options.precision == "float16":
            raise ParityError(path, "differs", "look", parity=results[0].parity)
        return results[0]

    monkeypatch.setattr(module, "export_source", export_source)
    written, failed = export_many(model, tmp_path / "more", ["onnx"], ["float16", "float32"], samples=8)
    assert written == results
    assert [one.to_json()["path"] for one in failed] == [str(tmp_path / "more" / "mine-float16.onnx")]


@given(st.lists(st.sampled_from(["onnx", "tflite"]), min_size=1), st.sampled_from(PRECISIONS))
def test_all_stands_for_the_precisions_that_a_format_has(formats: list[str], precision: str) -> None:
    chosen = pairs(formats, ["all"])
    assert len(set(chosen)) == len(chosen) == 5 * len(set(formats))
    assert all(is_possible(*pair) for pair in chosen)
    assert pairs(formats, [precision]) == [(kind, precision) for kind in dict.fromkeys(formats)]


def test_options_that_do_not_apply_to_a_precision_are_left_out_there() -> None:
    settings = {"calibration": 9, "calibration_method": "entropy", "equalise": True, "opset": 21, "batch": None}
    for kind, precision in pairs(["onnx", "tflite"], ["all"]):
        options = options_for(kind, precision, settings)
        assert (options.calibration == 9) == (precision in CALIBRATED)
        assert (options.calibration_method == "entropy") == ((kind, precision) == ("onnx", "int8"))
        assert (options.opset == 21) == (kind == "onnx")
        assert (options.batch is None) == (kind == "onnx")
    with pytest.raises(SqnxtError, match="no format or no precision"):
        pairs([], ["all"])
    with pytest.raises(ExportError, match="none are planned"):
        options_for("tflite", "int16", {})
