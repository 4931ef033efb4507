"""The noise of layers, and int8 graphs whose noisiest layers keep 16 bits."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from sqnxt_export import (
    ArtifactOptions,
    Budget,
    ExportError,
    ExportSamples,
    ParityError,
    export_model,
    quantise_onnx,
    read_metadata,
    to_onnx,
    to_tflite,
)
from sqnxt_export._libraries import onnx_session
from sqnxt_export.quantise.calibration import calibrate
from sqnxt_export.quantise.mixed import keep_worst_wider
from sqnxt_export.quantise.noise import NOISELESS_DB, layer_noise
from sqnxt_export.quantise.noise_tflite import layer_noise_tflite
from sqnxt_export.quantise.qdq import to_int8, to_int16

NETWORKS = ["squeezenext_like", "alexnet_like", "mobilenet_like"]


def _weighted(graph: onnx.GraphProto) -> list[onnx.NodeProto]:
    return [node for node in graph.node if node.op_type in ("Conv", "Gemm")]


def _bits(graph: onnx.GraphProto) -> dict[str, tuple[str, str]]:
    """Return layer -> stored types of its input and its weights, read as a simulator reads them."""
    types = {tensor.name: str(onnx.helper.tensor_dtype_to_np_dtype(tensor.data_type)) for tensor in graph.initializer}
    makers = {node.output[0]: node for node in graph.node}
    return {
        node.name: (types[makers[node.input[0]].input[2]], types[makers[node.input[1]].input[0]])
        for node in _weighted(graph)
    }


@pytest.mark.parametrize("network", NETWORKS)
def test_noise_is_told_of_every_layer_worst_first(models: Any, images: Any, network: str) -> None:
    graph = to_onnx(models[network])
    worst = {}
    for precision in ("float32", "int16", "float16", "int8"):
        layers = layer_noise(graph, quantise_onnx(graph, precision, images[:12]), images[12:])
        assert {layer.name for layer in layers} == {node.name for node in _weighted(graph.graph)}
        assert [layer.snr_db for layer in layers] == sorted(layer.snr_db for layer in layers)
        worst[precision] = layers[0].snr_db
        own = min(layer.own_snr_db or 0 for layer in layers)
        assert own == NOISELESS_DB if precision == "float32" else own >= layers[0].snr_db
    assert worst["float32"] > 100 > worst["int16"] > 60 > worst["int8"] > 25


def test_noise_is_the_ratio_that_it_says(models: Any, images: Any) -> None:
    graph = to_onnx(models["alexnet_like"])
    quantised = quantise_onnx(graph, "int8", images)
    layers = {layer.name: layer for layer in layer_noise(graph, quantised, images)}

    def logits(model: onnx.ModelProto) -> Any:
        session = onnx_session(model.SerializeToString(), optimise=False)
        return np.concatenate([session.run(None, {"input": i[None]})[0] for i in images.transpose(0, 3, 1, 2)])

    exact, noisy = logits(graph).astype(np.float64), logits(quantised)
    assert layers["fc2"].snr_db == pytest.approx(
        10 * np.log10((exact**2).sum() / ((exact - noisy) ** 2).sum()), abs=0.1
    )


@pytest.mark.parametrize("network", NETWORKS)
def test_noise_of_a_tflite_file_is_told_by_the_models_layers(models: Any, images: Any, network: str) -> None:
    model = models[network]
    plain, quantised = to_tflite(model, "float32"), to_tflite(model, "int8", images[:12])
    layers = layer_noise_tflite(model, plain, quantised, images[12:16])
    weighted = {layer.name for layer in model.layers if any(weights.ndim > 1 for weights in layer.get_weights())}
    assert {layer.name for layer in layers} == weighted
    assert [layer.snr_db for layer in layers] == sorted(layer.snr_db for layer in layers)
    assert 25 < layers[0].snr_db < 60
    assert {layer.snr_db for layer in layer_noise_tflite(model, plain, plain, images[12:14])} == {NOISELESS_DB}


@pytest.mark.parametrize("network", NETWORKS)
def test_layers_that_stay_wider_are_those_asked_for(models: Any, images: Any, network: str) -> None:
    graph = to_onnx(models[network])
    found = calibrate(graph, images)
    names = [node.name for node in _weighted(graph.graph)]
    mixed = to_int8(graph, found, frozenset(names[1::3]))
    onnx.checker.check_model(onnx.shape_inference.infer_shapes(mixed, strict_mode=True), full_check=True)
    for name, types in _bits(mixed.graph).items():
        assert types == (("int16", "int16") if name in names[1::3] else ("uint8", "int8")), name
    noise = [
        {layer.name: layer.own_snr_db or 0 for layer in layer_noise(graph, each, images)}
        for each in (mixed, to_int8(graph, found))
    ]
    assert all(noise[0][name] > noise[1][name] + 20 for name in names[1::3])
    everything = to_int8(graph, found, frozenset(names))
    assert sorted(map(str, everything.graph.node)) == sorted(map(str, to_int16(graph, found).graph.node))


def test_what_follows_the_last_layer_is_as_wide_as_that_layer() -> None:
    """A network that ends in a pool would otherwise round its logits to 8 bits, with any number of wide layers."""
    import tf_keras as keras

    image = keras.Input((9, 9, 3))
    x = keras.layers.Conv2D(6, 3, activation="relu", name="first")(image)
    x = keras.layers.Conv2D(5, 1, name="last")(x)
    graph = to_onnx(keras.Model(image, keras.layers.GlobalAveragePooling2D(name="pool")(x)))
    found = calibrate(graph, np.random.default_rng(0).normal(size=(8, 9, 9, 3)).astype(np.float32))
    counts = {
        wider: sum(node.op_type == "QuantizeLinear" for node in to_int8(graph, found, frozenset(wider)).graph.node)
        for wider in [(), ("first",), ("last",), ("first", "last")]
    }
    assert counts == {(): 3, ("first",): 3, ("last",): 2, ("first", "last"): 2}
    everything = to_int8(graph, found, frozenset({"first", "last"}))
    assert sorted(map(str, everything.graph.node)) == sorted(map(str, to_int16(graph, found).graph.node))


@pytest.mark.parametrize("needed", [0, 1, 5, 13, 14])
def test_the_search_finds_the_fewest_layers(models: Any, images: Any, needed: int) -> None:
    graph = to_onnx(models["squeezenext_like"])
    tried = []

    def accept(model: onnx.ModelProto) -> bool:
        tried.append(sum(types == ("int16", "int16") for types in _bits(model.graph).values()))
        return tried[-1] >= needed

    mixed = keep_worst_wider(graph, images, accept)
    assert len(mixed.wider) == needed
    assert mixed.evaluations == len(tried) <= 8  # of 14 layers
    assert {name for name, types in _bits(mixed.model.graph).items() if types[1] == "int16"} == set(mixed.wider)


def test_the_worst_layers_by_their_own_noise_go_first(models: Any, images: Any) -> None:
    graph = to_onnx(models["squeezenext_like"])
    noise = layer_noise(graph, to_int8(graph, calibrate(graph, images)), images)
    worst = [layer.name for layer in sorted(noise, key=lambda layer: layer.own_snr_db or 0)]
    mixed = keep_worst_wider(graph, images, lambda model: "int16" in {bits[1] for bits in _bits(model.graph).values()})
    assert mixed.wider == tuple(worst[:1])


def _with_budget(models: Any, images: Any, path: Path, max_drop: float, precision: str = "int8") -> Any:
    model = models["squeezenext_like"]
    labels = model(images).numpy().argmax(axis=1)
    budget = Budget(images=images, labels=labels, max_drop=max_drop)
    options = ArtifactOptions(format=path.suffix[1:], precision=precision, layer_noise=True)
    samples = ExportSamples(parity=images[12:], calibration=images[:12], budget=budget)
    return export_model(model, path, options, samples)


def test_an_export_within_budget_tells_what_it_took(models: Any, images: Any, tmp_path: Path) -> None:
    loose = _with_budget(models, images, tmp_path / "loose.onnx", 1.0)
    assert loose.wider == ()
    tight = _with_budget(models, images, tmp_path / "tight.onnx", 0.0)
    assert tight.accuracy is not None
    assert tight.accuracy.within_budget
    assert tight.accuracy.model_top1 == tight.accuracy.artifact_top1 == 1.0
    document = tight.to_json()
    assert document["wider"] == list(tight.wider or ())
    assert {"name", "snr_db", "own_snr_db"} == set(document["layers"][0])
    metadata = read_metadata(tmp_path / "tight.onnx")
    assert metadata is not None
    assert metadata.extra.get("wider_layers", []) == document["wider"]


def test_a_budget_that_cannot_be_kept_leaves_no_file(
    models: Any, images: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:

    monkeypatch.setattr("sqnxt_export.budget.Accuracy.within_budget", property(lambda accuracy: False))
    with pytest.raises(ParityError, match="with every layer at 16 bits") as caught:
        _with_budget(models, images, tmp_path / "a.onnx", 0.0)
    assert caught.value.parity.passed
    assert not list(tmp_path.iterdir())


def test_budgets_without_sense_are_refused(models: Any, images: Any, tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="is kept by leaving layers at 16 bits"):
        _with_budget(models, images, tmp_path / "a.tflite", 0.0)
    with pytest.raises(ExportError, match="which onnx int16 cannot do"):
        _with_budget(models, images, tmp_path / "a.onnx", 0.0, precision="int16")
    with pytest.raises(ExportError, match="must be a fraction"):
        _with_budget(models, images, tmp_path / "a.onnx", 2.0)
    with pytest.raises(ExportError, match="one label per image"):
        Budget(images=images, labels=np.zeros(3, np.int64), max_drop=0.1)
