"""Small graphs, one of them with hostile names, and a browser that shows their page."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from helpers.report_graphs import HOSTILE, write_graph


@pytest.fixture(scope="session")
def graphs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return the graphs `plain`, `wide` and `hostile`."""
    folder = tmp_path_factory.mktemp("graphs")
    plain = tuple(f"layer{index}" for index in range(6))
    return {
        "plain": write_graph(folder / "plain.onnx", plain),
        "wide": write_graph(folder / "wide.onnx", plain, channels=48),
        "hostile": write_graph(folder / "hostile<b>&amp;.onnx", HOSTILE),
    }


@pytest.fixture(scope="session")
def browser(launch_chromium: Callable[..., Any]) -> Any:
    """Return headless Chromium."""
    return launch_chromium()
