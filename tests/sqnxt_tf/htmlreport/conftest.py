"""Small graphs, one of them with hostile names, and a browser that shows their page."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

HOSTILE = (
    "</script><script>window.owned=1</script>",
    '"><img src=x onerror="window.owned=1">',
    "{{ 7 * 7 }}{% raw %}<b>bold</b>",
    "'onmouseover='window.owned=1' \u202eevil\u0000 " + "long" * 100,
    "</style></title></svg><svg onload=window.owned=1>",
)


def write_graph(path: Path, names: tuple[str, ...], *, channels: int = 16, side: int = 24) -> Path:
    """Write a graph with a convolution for each name and a pool. Every other convolution is depthwise, so that each
    dataflow is chosen somewhere.
    """
    random = np.random.default_rng(0)
    nodes, weights = [], []
    for index, name in enumerate(names):
        depthwise = index % 2 == 1
        shape = (channels, 1, 3, 3) if depthwise else (channels, 3 if index == 0 else channels, 1, 1)
        weights.append(numpy_helper.from_array(random.standard_normal(shape).astype(np.float32), f"w{index}"))
        nodes.append(
            helper.make_node(
                "Conv", [f"x{index}", f"w{index}"], [f"x{index + 1}"], name, group=channels if depthwise else 1,
                pads=[1 if depthwise else 0] * 4,
            )
        )  # fmt: skip
    nodes.append(helper.make_node("GlobalAveragePool", [f"x{len(names)}"], ["y"], "pool"))
    nodes.append(helper.make_node("Det", [f"x{len(names)}"], ["z"], "odd"))
    graph = helper.make_graph(
        nodes,
        path.stem,
        [helper.make_tensor_value_info("x0", TensorProto.FLOAT, [1, 3, side, side])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, channels, 1, 1])],
        weights,
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=9), path)
    return path


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
