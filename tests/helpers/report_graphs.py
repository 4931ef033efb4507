"""Graphs for the HTML report, and names that try to break out of its page."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from onnx import helper

from helpers.onnx_graphs import save_graph

HOSTILE = (
    "</script><script>window.owned=1</script>",
    '"><img src=x onerror="window.owned=1">',
    "{{ 7 * 7 }}{% raw %}<b>bold</b>",
    "'onmouseover='window.owned=1' \u202eevil\u0000 " + "long" * 100,
    "</style></title></svg><svg onload=window.owned=1>",
)


def write_graph(path: Path, names: tuple[str, ...], *, channels: int = 16, side: int = 24) -> Path:
    """Write a graph with a convolution for each name and a pool.

    Every other convolution is depthwise, so that each dataflow is chosen somewhere.
    """
    random = np.random.default_rng(0)
    nodes, weights = [], {}
    for index, name in enumerate(names):
        depthwise = index % 2 == 1
        shape = (channels, 1, 3, 3) if depthwise else (channels, 3 if index == 0 else channels, 1, 1)
        weights[f"w{index}"] = random.standard_normal(shape).astype(np.float32)
        nodes.append(
            helper.make_node(
                "Conv", [f"x{index}", f"w{index}"], [f"x{index + 1}"], name, group=channels if depthwise else 1,
                pads=[1 if depthwise else 0] * 4,
            )
        )  # fmt: skip
    nodes.append(helper.make_node("GlobalAveragePool", [f"x{len(names)}"], ["y"], "pool"))
    nodes.append(helper.make_node("Det", [f"x{len(names)}"], ["z"], "odd"))
    return save_graph(path, nodes, {"x0": [1, 3, side, side]}, {"y": [1, channels, 1, 1]}, weights)
