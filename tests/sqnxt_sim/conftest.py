"""Fixtures of the tests of `sqnxt_sim`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from onnx import ModelProto

from helpers.onnx_graphs import make_onnx
from helpers.paper_networks import NETWORKS
from sqnxt_sim import Workload, read_onnx


@pytest.fixture(scope="session")
def network() -> Callable[[str], Workload]:
    """Return a network of Table 3 by the paper's name, without zeros and bits."""
    return lambda name: Workload(name=name, layers=tuple(NETWORKS[name]()))


@pytest.fixture(scope="session")
def onnx_model() -> Callable[..., ModelProto]:
    """Return `make_onnx`, which builds a model by hand."""
    return make_onnx


@pytest.fixture(scope="session")
def read(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Workload]:
    """Return a function that saves a model and reads it as a workload."""

    def save_and_read(model: ModelProto, **options: Any) -> Workload:
        path = tmp_path_factory.mktemp("read") / "model.onnx"
        path.write_bytes(model.SerializeToString())
        return read_onnx(path, **options)

    return save_and_read
