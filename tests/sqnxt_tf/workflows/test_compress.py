"""Deep Compression of whole networks: the sizes that the paper promises, and shared weights that reach the artifact."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from sqnxt_export import compress_artifact, decompress, to_onnx, to_tflite
from sqnxt_sim.frontend.tflite_file import read_tflite_file
from sqnxt_sim.frontend.tflite_values import constant_values
from sqnxt_tf import build
from sqnxt_tf.errors import SqnxtError
from sqnxt_tf.networks.registry import networks
from sqnxt_tf.training.kernels import kernels
from sqnxt_tf.training.recipe_files import CENTROIDS
from sqnxt_tf.workflows.compress import compress, share_model


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
