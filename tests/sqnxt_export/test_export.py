"""Every precision in every format, loaded in its own runtime, on networks with every difficult construct."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

import sqnxt_export
from sqnxt_export import (
    PARITY,
    ArtifactOptions,
    ExportError,
    ExportSamples,
    Metadata,
    ParityError,
    Preprocessing,
    export_model,
    layer_zeros,
    open_model,
    read_metadata,
)
from sqnxt_export.artifact_builder import Built
from sqnxt_export.quantise.precision import CALIBRATED

FIGURES = ("samples", "max_abs_diff", "max_rel_diff", "sqnr_db", "top1_agreement")
NETWORKS = ["squeezenext_like", "alexnet_like", "mobilenet_like"]
KINDS = [
    *(("onnx", precision) for precision in ("float32", "float16", "int16", "int8-weights", "int8")),
    *(("tflite", precision) for precision in ("float32", "float16", "int16x8", "int8-weights", "int8")),
]


def _export(models: Any, images: Any, network: str, path: Path, precision: str, **settings: Any) -> Any:
    """Export with any settings: of the options, `parity` and `calibration` images, or of `export_model`."""
    chosen = {name: settings.pop(name) for name in ArtifactOptions.__dataclass_fields__ if name in settings}
    options = ArtifactOptions(format=path.suffix[1:], precision=precision, **chosen)
    calibration, parity = settings.pop("calibration", images[:12]), settings.pop("parity", images[12:])
    samples = ExportSamples(parity=parity, calibration=calibration)
    return export_model(models[network], path, options, samples, **settings)


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize(("format", "precision"), KINDS)
def test_every_artifact_computes_what_the_model_computes(
    models: Any, images: Any, tmp_path: Path, network: str, format: str, precision: str
) -> None:
    path = tmp_path / f"net.{format}"
    result = _export(models, images, network, path, precision, source="a test")
    logits = open_model(path, threads=1).run(images[12:])
    reference = models[network](images[12:]).numpy()
    assert np.abs(logits - reference).max() <= result.parity.max_abs_diff * 1.001 + 1e-6
    assert result.parity.passed
    assert result.parity.max_rel_diff < {"float32": 1e-5, "float16": 5e-3, "int16": 1e-3}.get(precision, 0.1)
    # 40 % of the weights are zero; rounding to 8 bits adds a few zeros and removes none.
    assert 0.55 < result.nonzero_fraction <= 0.615
    assert result.bytes == path.stat().st_size > result.compressed_bytes
    assert read_metadata(path) == Metadata(
        network=network,
        precision=precision,
        input_size=(19, 19),
        nonzero_fraction=result.nonzero_fraction,
        versions=read_metadata(path).versions,  # type: ignore[union-attr]
        extra={PARITY: {name: result.parity.to_json()[name] for name in FIGURES}},
    )
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("network", NETWORKS)
def test_the_graph_is_clean(models: Any, images: Any, tmp_path: Path, network: str) -> None:
    _export(models, images, network, tmp_path / "net.onnx", "float32")
    graph = onnx.load(tmp_path / "net.onnx").graph
    nodes = {node.name: node for node in graph.node}
    assert len(nodes) == len(graph.node)
    assert not {"Transpose", "Pad"} & {node.op_type for node in graph.node}
    layers = {layer.name for layer in models[network].layers}
    assert {name.partition("/")[0] for name in nodes} <= layers
    weighted = {layer.name for layer in models[network].layers if any(w.ndim > 1 for w in layer.get_weights())}
    assert weighted <= set(nodes)
    assert {node.op_type for name, node in nodes.items() if name in weighted} <= {"Conv", "Gemm"}
    (image,), (logits,) = graph.input, graph.output
    assert (image.name, [d.dim_value for d in image.type.tensor_type.shape.dim]) == ("input", [1, 3, 19, 19])
    assert (logits.name, [d.dim_value for d in logits.type.tensor_type.shape.dim]) == ("logits", [1, 10])


def test_batch_norm_stays_only_where_no_convolution_precedes_it(models: Any) -> None:
    found = {
        network: [node.name for node in sqnxt_export.to_onnx(models[network]).graph.node if "Norm" in node.op_type]
        for network in NETWORKS
    }
    assert found == {"squeezenext_like": [], "alexnet_like": ["norm"], "mobilenet_like": []}


@pytest.mark.parametrize("precision", ["float32", "float16", "int16", "int8"])
def test_zeros_are_counted_by_layer(models: Any, images: Any, tmp_path: Path, precision: str) -> None:
    _export(models, images, "squeezenext_like", tmp_path / "net.onnx", precision)
    counted = layer_zeros(tmp_path / "net.onnx")
    for layer in models["squeezenext_like"].layers:
        for kernel in (weights for weights in layer.get_weights() if weights.ndim > 1):
            zeros, total = counted.pop(layer.name)
            assert total == kernel.size
            assert zeros == (kernel == 0).sum() if precision != "int8" else zeros >= (kernel == 0).sum()
    assert not counted


@pytest.mark.parametrize(("batch", "format"), [(4, "onnx"), (None, "onnx"), (4, "tflite")])
def test_any_batch_runs_any_number_of_images(models: Any, images: Any, tmp_path: Path, batch: Any, format: str) -> None:
    path = tmp_path / f"net.{format}"
    _export(models, images, "squeezenext_like", path, "float32", batch=batch)
    runner = open_model(path)
    assert runner.batch == batch
    for count in (1, 7):
        np.testing.assert_allclose(
            runner.run(images[:count]), models["squeezenext_like"](images[:count]).numpy(), atol=1e-5
        )


def test_the_result_follows_the_contract_and_metadata_travels(models: Any, images: Any, tmp_path: Path) -> None:
    given = Metadata(labels=tuple("abcdefghij"), preprocessing=Preprocessing.plain(19), accuracy=0.5, network="n")
    result = _export(models, images, "alexnet_like", tmp_path / "a.onnx", "int16", metadata=given, source="m.keras")
    document = json.loads(json.dumps(result.to_json(), allow_nan=False))
    assert set(document) >= {
        "format", "precision", "path", "bytes", "compressed_bytes", "nonzero_fraction", "parity", "source",
    }  # fmt: skip
    assert set(document["parity"]) >= {"max_abs_diff", "max_rel_diff", "top1_agreement", "samples", "passed"}
    assert document["source"] == "m.keras"
    assert "not faster" in document["notes"][0]
    read = read_metadata(tmp_path / "a.onnx")
    assert read is not None
    assert (read.labels, read.preprocessing, read.accuracy, read.network) == (
        given.labels,
        given.preprocessing,
        0.5,
        "n",
    )
    assert "onnx" in read.versions


@pytest.mark.parametrize(
    ("format", "precision", "words"),
    [
        ("onnx", "int16x8", 'use `precision="int16"`'),
        ("tflite", "int16", "no 16-bit weights"),
        ("tflite", "int4", "unknown"),
        ("coreml", "int8", "unknown"),
    ],
)
def test_impossible_precisions_say_why(format: str, precision: str, words: str) -> None:
    with pytest.raises(ExportError, match=words):
        ArtifactOptions(format=format, precision=precision)


def test_bad_calls_are_refused_before_any_work(models: Any, images: Any, tmp_path: Path) -> None:
    call = {"models": models, "images": images, "network": "alexnet_like", "path": tmp_path / "a.onnx"}
    with pytest.raises(ExportError, match="needs calibration samples"):
        _export(**call, precision="int8", calibration=None)
    with pytest.raises(ExportError, match="preprocess them for this model"):
        _export(**call, precision="float32", parity=images[:, :8])
    with pytest.raises(ExportError, match="at least 1"):
        _export(**call, precision="float32", batch=0)
    options, samples = ArtifactOptions(format="tflite"), ExportSamples(parity=images)
    with pytest.raises(ExportError, match=r"ends in \.tflite"):
        export_model(models["alexnet_like"], tmp_path / "a.onnx", options, samples)
    assert not list(tmp_path.iterdir())


def test_what_needs_no_run_is_said_before_one(
    models: Any, images: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sqnxt_export.exporter._reference", lambda model, samples: pytest.fail("the model was run"))
    path = tmp_path / "a.onnx"
    options, samples = ArtifactOptions(format="tflite", precision="int8"), ExportSamples(parity=images)
    with pytest.raises(ExportError, match=r"ends in \.tflite"):
        export_model(models["alexnet_like"], path, options, samples)
    with pytest.raises(ExportError, match="a free batch: is not possible in TFLite"):
        _export(models, images, "alexnet_like", tmp_path / "a.tflite", "float32", batch=None)
    with pytest.raises(ExportError, match="calibration samples: are"):
        _export(models, images, "alexnet_like", path, "int8", calibration=images[:, :8])
    with pytest.raises(ExportError, match="samples: are not all finite"):
        _export(models, images, "alexnet_like", path, "float32", parity=images * np.float32(np.nan))


@pytest.mark.parametrize("shape", [(None, None, 3), (None,), (None, 4)])
@pytest.mark.parametrize("format", ["onnx", "tflite"])
def test_a_model_whose_input_has_a_free_side_is_one_line(images: Any, tmp_path: Path, shape: Any, format: str) -> None:
    import tf_keras as keras

    image = keras.Input(shape)
    model = keras.Model(image, keras.layers.ReLU()(image))
    for samples in (images, np.zeros((2, 16), np.float32)):
        options = ArtifactOptions(format=format)
        with pytest.raises(ExportError, match="rebuild it for an input of fixed height") as caught:
            export_model(model, tmp_path / f"a.{format}", options, ExportSamples(parity=samples))
        assert "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())


@pytest.mark.filterwarnings("error::RuntimeWarning")
@pytest.mark.parametrize("precision", ["float32", "int16", "int8"])
def test_a_diverged_model_is_named_as_the_cause(models: Any, images: Any, tmp_path: Path, precision: str) -> None:
    import tf_keras as keras

    model = keras.models.clone_model(models["alexnet_like"])
    model.set_weights([np.full(weights.shape, np.nan, np.float32) for weights in model.get_weights()])
    with pytest.raises(ExportError, match="the model itself gives values that are not finite; train it again"):
        _export({"diverged": model}, images, "diverged", tmp_path / "a.onnx", precision)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("format", "precision"), KINDS)
@pytest.mark.parametrize("related", [False, True])
def test_the_remedy_for_lost_parity_fits_the_fault(
    models: Any,
    images: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    format: str,
    precision: str,
    related: bool,
) -> None:
    """More images to calibrate on help only where the outputs resemble the model's."""
    monkeypatch.setattr("sqnxt_export.exporter.build", lambda task, target: (target.touch(), Built())[1])
    monkeypatch.setattr("sqnxt_export.exporter.nonzero_fraction", lambda path: 1.0)
    monkeypatch.setattr("sqnxt_export.exporter.write_metadata", lambda path, metadata: None)
    monkeypatch.setattr("sqnxt_export.proof.open_model", lambda path: _Wrong(models["alexnet_like"], related))
    with pytest.raises(ParityError) as caught:
        _export(models, images, "alexnet_like", tmp_path / f"a.{format}", precision)
    remedy = str(caught.value).partition("); ")[2]
    assert precision not in remedy
    assert ("calibrate with more" in remedy) == (related and precision in CALIBRATED)


class _Wrong:
    def __init__(self, model: Any, related: bool) -> None:
        self._answer, self._related = model, related

    def run_all(self, images: Any) -> Any:
        right = self._answer(images).numpy()
        return (1.7 * right if self._related else -right,)


@pytest.mark.parametrize("before", [None, b"precious"])
@pytest.mark.parametrize("fault", ["wrong", "nan"])
def test_a_wrong_artifact_is_never_left_behind(
    models: Any, images: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: bytes | None, fault: str
) -> None:
    from sqnxt_export.artifact import onnx_file

    path = tmp_path / "net.onnx"
    if before:
        path.write_bytes(before)

    def broken(model: onnx.ModelProto, target: Path) -> None:
        weights = next(tensor for tensor in model.graph.initializer if tensor.name == "block0_expand/kernel")
        values = onnx.numpy_helper.to_array(weights)[::-1] if fault == "wrong" else np.full(weights.dims, np.nan, "f4")
        weights.CopyFrom(onnx.numpy_helper.from_array(np.ascontiguousarray(values), weights.name))
        onnx_file.save_onnx(model, target)

    monkeypatch.setattr("sqnxt_export.artifact_builder.save_onnx", broken)
    with pytest.raises(ParityError, match="not written") as caught:
        _export(models, images, "squeezenext_like", path, "float32", force=True)
    assert not caught.value.parity.passed
    assert "\n" not in str(caught.value)
    assert [file.read_bytes() for file in tmp_path.iterdir()] == ([before] if before else [])


def test_an_output_that_exists_is_kept(models: Any, images: Any, tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    path.write_bytes(b"precious")
    with pytest.raises(ExportError, match="pass `force=True` to overwrite it"):
        _export(models, images, "alexnet_like", path, "float32")
    assert path.read_bytes() == b"precious"


def test_unseen_samples_do_not_clip_at_sixteen_bits(models: Any, images: Any, tmp_path: Path) -> None:
    result = _export(models, images, "squeezenext_like", tmp_path / "net.onnx", "int16", calibration=images[:4])
    assert result.parity.max_rel_diff < 5e-4


def test_values_that_vanish_under_a_cap_are_quantised(images: Any, tmp_path: Path) -> None:
    """LiteRT refuses a RELU6 if six over the scale exceeds 32 bits, as in a deep network with random weights."""
    import tf_keras as keras

    layers = keras.layers
    image = keras.Input((19, 19, 3))
    tiny, large = (keras.initializers.RandomNormal(stddev=deviation, seed=1) for deviation in (1e-6, 1.0))
    x = layers.ReLU(6.0)(layers.Conv2D(8, 3, kernel_initializer=tiny)(image))
    x = layers.ReLU(6.0)(layers.Conv2D(8, 3, kernel_initializer=large)(x))
    model = keras.Model(image, layers.Dense(10)(layers.GlobalAveragePooling2D()(x)))
    options = ArtifactOptions(format="tflite", precision="int16x8")
    samples = ExportSamples(parity=images[12:], calibration=images[:12])
    result = export_model(model, tmp_path / "a.tflite", options, samples)
    assert result.parity.max_rel_diff < 0.1


def test_a_runtime_that_refuses_names_the_asked_file(
    models: Any, images: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(path: Path) -> Any:
        raise ExportError(path, "LiteRT refuses it (its reasons)", "export it again")

    monkeypatch.setattr("sqnxt_export.proof.open_model", refuse)
    with pytest.raises(ExportError, match=r"a\.tflite: not written, no runtime can use it") as caught:
        _export(models, images, "alexnet_like", tmp_path / "a.tflite", "float32")
    assert "/.a-" not in str(caught.value)
    assert not list(tmp_path.iterdir())
