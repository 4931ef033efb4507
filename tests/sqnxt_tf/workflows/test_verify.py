"""Any two of model and artifacts, all three ways, and what cannot be compared."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import helper

from helpers.commands import run_python
from helpers.onnx_graphs import floats, save_graph
from sqnxt_export import (
    ArtifactOptions,
    ExportError,
    ExportSamples,
    Metadata,
    Preprocessing,
    export_model,
    save_keras,
    write_metadata,
)
from sqnxt_tf import SqnxtError, verify

SIDE, DIGITS = 12, tuple("0123456789")


def _model(classes: int = 10, side: int = SIDE, seed: int = 1) -> Any:
    import tf_keras as keras

    keras.utils.set_random_seed(seed)
    image = keras.Input((side, side, 3))
    x = keras.layers.Conv2D(8, 3, strides=2, activation="relu", name="conv")(image)
    x = keras.layers.GlobalAveragePooling2D(name="average")(x)
    return keras.Model(image, keras.layers.Dense(classes, name="logits")(x), name="net")


def _metadata(labels: tuple[str, ...] = DIGITS, **values: Any) -> Metadata:
    return Metadata(labels=labels, preprocessing=Preprocessing.plain(SIDE), **values)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """One network as a model and in both formats, in float32 and int8, and another one of the same shape."""
    folder = tmp_path_factory.mktemp("verify")
    model, images = _model(), np.random.default_rng(0).uniform(-1, 1, (32, SIDE, SIDE, 3)).astype(np.float32)
    paths = {"keras": folder / "net.keras", "other": folder / "other.keras"}
    save_keras(model, paths["keras"], _metadata(accuracy=0.9))
    save_keras(_model(seed=2), paths["other"], _metadata(accuracy=0.9))
    for suffix in ("onnx", "tflite"):
        for precision in ("float32", "int8"):
            path = paths[f"{suffix} {precision}".removesuffix(" float32")] = folder / f"net-{precision}.{suffix}"
            options = ArtifactOptions(format=suffix, precision=precision)
            samples = ExportSamples(parity=images[16:], calibration=images[:16])
            export_model(model, path, options, samples, metadata=_metadata(source_hash="0" * 64))
    return paths


@pytest.mark.parametrize(
    ("a", "b"), [("keras", "onnx"), ("keras", "tflite"), ("onnx", "tflite"), ("tflite", "keras"), ("onnx", "onnx")]
)
def test_all_three_ways(files: dict[str, Path], a: str, b: str) -> None:
    result = verify(files[a], files[b], samples=50)
    assert result.parity.passed
    assert (result.precision, result.max_rel_diff, result.min_top1_agreement) == ("float32", 1e-4, None)
    assert (result.images, result.parity.samples, result.trained) == ("digits/test", 50, True)
    assert result.parity.top1_agreement == 1
    document = result.to_json()
    assert set(document) == {"a", "b", "precision", "trained", "images", "threshold", "parity", "notes"}


def test_the_looser_precision_judges(files: dict[str, Path]) -> None:
    for pair in (("keras", "onnx int8"), ("onnx int8", "tflite"), ("tflite int8", "onnx int8")):
        result = verify(files[pair[0]], files[pair[1]])
        assert (result.precision, result.max_rel_diff, result.min_top1_agreement) == ("int8", None, 0.99)
    strict = verify(files["keras"], files["onnx int8"], precision="float32")
    assert not strict.parity.passed


def test_another_network_fails(files: dict[str, Path]) -> None:
    result = verify(files["keras"], files["other"])
    assert not result.parity.passed
    assert result.parity.max_rel_diff > 0.01


def test_noise_where_data_do_not_fit(files: dict[str, Path], tmp_path: Path) -> None:
    model = _model(classes=3)
    save_keras(model, tmp_path / "bare.keras")
    save_keras(model, tmp_path / "cats.keras", _metadata(labels=("a", "b", "c"), accuracy=0.5))
    save_keras(model, tmp_path / "random.keras", _metadata(labels=("a", "b", "c")))
    for name, images in (("bare", "noise, seed 4"), ("cats", "noise, seed 4"), ("random", "digits/test")):
        result = verify(tmp_path / f"{name}.keras", tmp_path / f"{name}.keras", seed=4, samples=5)
        assert (result.images, result.trained, result.parity.passed) == (images, False, True)
    with pytest.raises(SqnxtError, match="has other classes than the files were trained for"):
        verify(tmp_path / "cats.keras", tmp_path / "cats.keras", data="digits")
    with pytest.raises(SqnxtError, match="neither file says how it preprocesses"):
        verify(tmp_path / "bare.keras", tmp_path / "bare.keras", data="digits")


def test_what_cannot_be_compared_is_one_line(files: dict[str, Path], tmp_path: Path) -> None:
    save_keras(_model(side=16), tmp_path / "large.keras")
    save_keras(_model(classes=3), tmp_path / "few.keras")
    save_keras(_model(), tmp_path / "odd.keras", Metadata(preprocessing=Preprocessing.imagenet(SIDE)))
    save_keras(_model(), tmp_path / "new.keras", _metadata(precision="int4"))
    for name, words in (
        ("large", "takes images of 16x16x3 and .* of 12x12x3; compare files of one size"),
        ("few", "knows 3 classes and .* 10; compare files of one network"),
        ("odd", "preprocess images differently"),
        ("new", "precision 'int4': is not known"),
    ):
        with pytest.raises(SqnxtError, match=words):
            verify(files["keras"], tmp_path / f"{name}.keras")
    with pytest.raises(SqnxtError, match="samples: 0 is out of range"):
        verify(files["keras"], files["keras"], samples=0)


def test_artifacts_are_compared_without_tensorflow(files: dict[str, Path]) -> None:
    code = (
        "import sys; sys.modules['tensorflow'] = sys.modules['tf_keras'] = None\n"
        "from sqnxt_tf.cli.main import run; run(['verify', *sys.argv[1:], '--quiet'])"
    )
    done = run_python(code, files["onnx"], files["tflite"])
    assert (done.returncode, done.stderr) == (0, "")
    assert (
        "required for float32: 0.0001 of the largest logit, and the same top-1 for every clear answer; passed"
        in done.stdout
    )


def test_the_command_says_no_with_exit_code_1(files: dict[str, Path], cli: Any) -> None:
    answer = cli("verify", files["keras"], files["other"], "--json", "--quiet")
    assert answer.code == 1
    assert '"passed": false' in answer.out
    assert "other.keras: does not compute what" in answer.err
    assert len(answer.err.strip().splitlines()) == 1


def test_metadata_of_either_file_will_do(files: dict[str, Path], tmp_path: Path) -> None:
    save_keras(_model(), tmp_path / "bare.keras")
    result = verify(tmp_path / "bare.keras", files["onnx"])
    assert (result.images, result.trained, result.parity.passed) == ("digits/test", True, True)
    write_metadata(tmp_path / "bare.keras", _metadata())
    assert verify(tmp_path / "bare.keras", tmp_path / "bare.keras").trained is False


def test_pixels_and_values(files: dict[str, Path], tmp_path: Path) -> None:
    """A file that preprocesses images itself equals one that leaves it to its caller."""
    images = np.random.default_rng(0).integers(0, 256, (16, SIDE, SIDE, 3)).astype(np.float32)
    save_keras(_model(), tmp_path / "odd.keras", Metadata(preprocessing=Preprocessing.imagenet(SIDE)))
    for suffix in ("onnx", "tflite"):
        pixels = tmp_path / f"pixels.{suffix}"
        options = ArtifactOptions(format=suffix, embed_preprocessing=True)
        samples = ExportSamples(parity=images)
        export_model(_model(), pixels, options, samples, metadata=_metadata(source_hash="0" * 64))
        for pair in ((files["keras"], pixels), (pixels, files["onnx"]), (pixels, pixels)):
            result = verify(*pair, samples=20)
            assert (result.images, result.parity.passed) == ("digits/test", True)
        with pytest.raises(SqnxtError, match="preprocess images differently"):
            verify(pixels, tmp_path / "odd.keras")
    write_metadata(pixels, _metadata(extra={"embedded_preprocessing": 3}))
    with pytest.raises(ExportError, match="embedded_preprocessing is a int; it must be an object"):
        verify(pixels, files["onnx"])


def _two_heads(path: Path, *, spoilt: bool = False) -> Path:
    """Write a face detector: scores, and boxes that may be spoilt."""
    weights = {"w": floats(4, 3, 3, 3), "scale": np.float32(-2.0 if spoilt else 1.0)}
    nodes = [
        helper.make_node("Conv", ["image", "w"], ["scores"]),
        helper.make_node("Conv", ["image", "w"], ["raw"]),
        helper.make_node("Mul", ["raw", "scale"], ["boxes"]),
    ]
    return save_graph(path, nodes, {"image": [1, 3, 8, 8]}, {"scores": [1, 4, 6, 6], "boxes": [1, 4, 6, 6]}, weights)


def test_all_outputs_are_compared(tmp_path: Path) -> None:
    good, bad = _two_heads(tmp_path / "good.onnx"), _two_heads(tmp_path / "bad.onnx", spoilt=True)
    assert verify(good, good).parity.passed
    parity = verify(good, bad).parity
    assert not parity.passed
    assert "output 'boxes'" in parity.reason
    assert [output.reason == "" for output in parity.outputs] == [True, False]


def _flat(path: Path, shape: list[int], permutation: list[int]) -> Path:
    """Write a dense layer on an image, of which no operator tells the layout unless it is transposed."""
    nodes = [
        helper.make_node("Transpose", ["image"], ["moved"], perm=permutation) if permutation else None,
        helper.make_node("Flatten", ["moved" if permutation else "image"], ["flat"]),
        helper.make_node("MatMul", ["flat", "w"], ["y"]),
    ]
    return save_graph(path, [node for node in nodes if node], {"image": shape}, {"y": [1, 5]}, {"w": floats(108, 5)})


def test_a_layout_that_no_file_tells_is_tried(tmp_path: Path) -> None:
    known = _flat(tmp_path / "known.onnx", [1, 3, 6, 6], [0, 2, 3, 1])  # channels first, by its transpose
    unknown = _flat(tmp_path / "unknown.onnx", [1, 6, 6, 3], [])
    result = verify(known, unknown)
    assert result.parity.passed
    assert any("does not tell the layout of its image, and NHWC agrees best" in note for note in result.notes)
    assert verify(known, unknown, layout="NHWC").notes != result.notes
    with pytest.raises(SqnxtError, match="takes images of"):
        verify(known, unknown, layout="NCHW")


def test_a_map_in_the_other_layout_is_the_same_map(tmp_path: Path) -> None:
    conv = helper.make_node("Conv", ["image", "w"], ["y"])
    weights = {"w": floats(5, 3, 3, 3)}
    first = save_graph(tmp_path / "first.onnx", [conv], {"image": [1, 3, 8, 8]}, {"y": [1, 5, 6, 6]}, weights)
    nodes = [
        helper.make_node("Conv", ["image", "w"], ["maps"]),
        helper.make_node("Transpose", ["maps"], ["y"], perm=[0, 2, 3, 1]),
    ]
    last = save_graph(tmp_path / "last.onnx", nodes, {"image": [1, 3, 8, 8]}, {"y": [1, 6, 6, 5]}, weights)
    result = verify(last, first)
    assert result.parity.passed
    assert any("layout of its map, and NCHW agrees best" in note for note in result.notes)
    assert result.parity.top1_agreement is None


def test_answers_that_are_all_alike_prove_nothing(tmp_path: Path) -> None:
    nodes = [helper.make_node("Flatten", ["image"], ["flat"]), helper.make_node("Gemm", ["flat", "w", "b"], ["y"])]
    weights = {"w": 1e-9 * floats(192, 4), "b": floats(4)}
    path = save_graph(tmp_path / "a.onnx", nodes, {"image": [1, 3, 8, 8]}, {"y": [1, 4]}, weights)
    result = verify(path, path)
    assert result.parity.passed
    assert "proves nothing" in result.notes[-1]


def test_files_of_other_makers_are_judged_by_their_weights(files: dict[str, Path], tmp_path: Path) -> None:
    import onnx

    model = onnx.load(files["onnx int8"])
    del model.metadata_props[:]
    onnx.save(model, tmp_path / "bare.onnx")
    result = verify(files["keras"], tmp_path / "bare.onnx")
    assert result.precision == "int8"
    assert verify(tmp_path / "bare.onnx", tmp_path / "bare.onnx", preprocessing="plain").images == "digits/test"
