"""Deep Compression of whole networks: the sizes that the paper promises, and shared weights that reach the artifact."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from helpers.keras_networks import save_dense
from helpers.nested_networks import twins
from sqnxt_export import (
    ClusteredKernel,
    ExportError,
    Metadata,
    Preprocessing,
    check_clustered,
    compress_artifact,
    decompress,
    read_metadata,
    save_keras,
    to_onnx,
    to_tflite,
)
from sqnxt_sim.frontend.tflite_file import read_tflite_file
from sqnxt_sim.frontend.tflite_values import constant_values
from sqnxt_tf import build
from sqnxt_tf.errors import SqnxtError
from sqnxt_tf.networks.registry import networks
from sqnxt_tf.training.kernels import kernels
from sqnxt_tf.training.recipe_files import CENTROIDS
from sqnxt_tf.workflows.compress import compress
from sqnxt_tf.workflows.compress_model import share_model


def with_random_vectors(model: Any) -> Any:
    """Biases and batch norm as after training: zeros would compress to nothing."""
    rng = np.random.default_rng(0)
    for variable in model.weights:
        if "kernel" not in variable.name:
            variable.assign(rng.uniform(0.5, 1.5, variable.shape))
    return model


def test_squeezenet_is_at_most_half_a_megabyte(tmp_path: Path) -> None:
    """SqueezeNet (arXiv 1602.07360), table 2: 33 % density and 6 bits, from 4.8 MB to 0.47 MB."""
    model = with_random_vectors(build("squeezenet_v1_0"))
    onnx.save(to_onnx(share_model(model, bits=6, density=0.33)), tmp_path / "net.onnx")
    found = compress_artifact(tmp_path / "net.onnx", tmp_path / "net.sqz")
    assert found.raw_bytes > 4_990_000
    assert found.bytes <= 500_000
    assert 0 <= found.overhead <= 0.03
    decompress(tmp_path / "net.sqz", tmp_path / "back.onnx")
    assert (tmp_path / "back.onnx").read_bytes() == (tmp_path / "net.onnx").read_bytes()


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in networks() if name.startswith("sqnxt")])
def test_every_squeezenext_is_coded_within_three_per_cent_of_its_entropy(tmp_path: Path, name: str) -> None:
    model = with_random_vectors(build(name))
    onnx.save(to_onnx(share_model(model, bits=6, density=0.33)), tmp_path / "net.onnx")
    found = compress_artifact(tmp_path / "net.onnx", tmp_path / "net.sqz")
    assert 0 <= found.overhead <= 0.03
    assert found.raw_bytes / found.bytes > 10


@pytest.fixture(scope="module")
def small() -> Any:
    return share_model(with_random_vectors(build("sqnxt23g_w1", classes=10, input_size=32)), bits=3, density=0.5)


def test_what_is_shared_reaches_both_formats(small: Any, tmp_path: Path) -> None:
    codebooks = {
        tuple(np.unique(variable.numpy()[variable.numpy() != 0]).tolist()) for variable in kernels(small).values()
    }
    assert max(map(len, codebooks)) <= 7
    graph = to_onnx(small).graph
    in_onnx = [onnx.numpy_helper.to_array(tensor) for tensor in graph.initializer if len(tensor.dims) > 1]
    (tmp_path / "net.tflite").write_bytes(to_tflite(small, "float32"))
    in_tflite = [
        constant_values(tensor)
        for tensor in read_tflite_file(tmp_path / "net.tflite").tensors
        if len(tensor.shape) > 1 and tensor.kind.name == "float32" and tensor.is_constant
    ]
    for arrays in (in_onnx, in_tflite):
        assert {tuple(np.unique(array[array != 0]).tolist()) for array in arrays} == codebooks
        assert sum(np.count_nonzero(array) for array in arrays) == pytest.approx(
            0.5 * sum(array.size for array in arrays), rel=0.01
        )


@pytest.fixture(scope="module")
def twins_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("twins") / "twins.keras"
    save_keras(twins(), path, Metadata(preprocessing=Preprocessing.plain(8, 8)))
    return path


@pytest.mark.parametrize("kind", ["onnx", "tflite"])
def test_nested_models_with_the_same_names_are_clustered_each(twins_file: Path, tmp_path: Path, kind: str) -> None:
    recipe = CENTROIDS.overridden(epochs=1, batch=256, max_shift=0)
    result = compress(twins_file, tmp_path / "n.sqz", format=kind, bits=3, density=0.5, recipe=recipe, data="digits")
    assert result.sharing
    assert result.sharing.unfolded == ()
    sizes = [size for size in result.compressed.tensors if size.type == "float32"]
    assert len(sizes) == 2  # of the two convolutions that share their name: smaller kernels are not coded
    for size in sizes:
        assert size.values <= 8
        assert size.low_bits == 0
        assert size.nonzero == size.weights // 2


def test_a_model_that_does_not_name_its_data_is_not_fine_tuned_on_the_digits(twins_file: Path, tmp_path: Path) -> None:
    other = save_dense(tmp_path / "other.keras", data="flowers/test")
    for model, fault in ((twins_file, "does not say what it was trained on"), (other, "was trained on flowers/test")):
        with pytest.raises(SqnxtError, match=f"{fault}.*give `data` its own data"):
            compress(model, tmp_path / "a.sqz", bits=3)


@pytest.mark.parametrize(("given", "origin"), [(None, "assumed"), ("0..1", None)])
def test_what_is_assumed_of_the_images_is_said_and_stands_in_the_artifact(
    tmp_path: Path, given: str | None, origin: str | None
) -> None:
    save_keras(twins(), tmp_path / "twins.keras")
    result = compress(tmp_path / "twins.keras", tmp_path / "n.sqz", bits=3, data="digits", preprocessing=given)
    assert result.sharing
    assert [origin in note for note in result.sharing.notes] == ([True] if origin else [])
    decompress(tmp_path / "n.sqz", tmp_path / "n.onnx")
    metadata = read_metadata(tmp_path / "n.onnx")
    assert metadata
    assert ("preprocessing" in metadata.extra.get("assumed", [])) == (origin is not None)


def test_a_claim_that_the_file_does_not_hold_is_refused(small: Any, tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    onnx.save(to_onnx(small), path)
    place, values = next((place, variable.numpy()) for place, variable in kernels(small).items())
    check_clustered(path, {place: ClusteredKernel(values=values, density=0.5)}, bits=3)
    for kernel, bits, fault in (
        (ClusteredKernel(values=values, density=0.25), 3, "keeps .* weights of"),
        (ClusteredKernel(values=values), 2, "more than 2 bits tell apart"),
        (ClusteredKernel(values=values * 2), 3, "the exporter changed the clustered weights"),
    ):
        with pytest.raises(ExportError, match=f"{place}.*{fault}|{fault}.*{place}"):
            check_clustered(path, {place: kernel}, bits=bits)


def test_bad_requests_come_before_the_work(tmp_path: Path) -> None:
    for model, options, words in (
        ("net.onnx", {"bits": 6}, "takes no `bits`; give a .keras file"),
        ("net.tflite", {"recipe": CENTROIDS}, "takes no `recipe`"),
        ("alexnet", {"recipe": CENTROIDS}, "train it first"),
        ("alexnet", {"bits": 9}, "bits 9"),
        ("alexnet", {"density": 1.5}, "density 1.5"),
        ("nothing", {}, "is not known"),
    ):
        with pytest.raises(Exception, match=words) as caught:
            compress(model, tmp_path / "a.sqz", **options)
        assert isinstance(caught.value, SqnxtError) or type(caught.value).__name__ == "ExportError"
    assert not list(tmp_path.iterdir())
