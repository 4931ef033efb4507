"""The 13 networks of Table 3 on both arrays equal an earlier implementation of the same formulas."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from helpers.golden import read_golden
from sqnxt_sim import Workload, load_accelerator, simulate_workload

DATA = Path(__file__).parent / "data"


GOLDEN = read_golden(DATA / "model2_table3.csv")


@pytest.mark.parametrize("size", ["8x8", "16x16"])
@pytest.mark.parametrize("row", GOLDEN, ids=lambda row: row["model"])
def test_network_totals(network: Callable[[str], Workload], row: dict[str, str], size: str) -> None:
    """The table prints one decimal of cycles and energies."""
    report = simulate_workload(network(row["model"]), load_accelerator(f"squeezelerator-{size}"), sparsity=0.4)
    assert report.cycles == pytest.approx(float(row[f"cycles_{size}"]), rel=1e-6)
    assert report.energy.total == pytest.approx(float(row[f"energy_{size}"]), rel=1e-9)


# SqueezeNet v1.1 is published at 227 and costed at 224; v1.0 is published with a padded conv10 and costed without.
@pytest.mark.parametrize("name", ["1.0-SqNxt-23", "1.0-SqNxt-23v5", "SqueezeNet v1.0"])
def test_networks_here_are_the_published_ones(network: Callable[[str], Workload], name: str) -> None:
    rows = [row for row in read_golden(DATA / f"{name.replace(' ', '-')}.csv") if row["op"] in ("Conv", "Gemm")]
    layers = network(name).conv_layers
    assert len(layers) == len(rows)
    for layer, row in zip(layers, rows, strict=True):
        if (name, row["name"]) == ("SqueezeNet v1.0", "conv10"):
            row |= {"out_height": "13", "out_width": "13", "pad_h": "0", "pad_w": "0", "macs": str(1000 * 512 * 169)}
        ours = (
            (layer.in_channels, layer.in_height, layer.in_width),
            (layer.out_channels, layer.out_height, layer.out_width),
            (layer.kernel_height, layer.kernel_width, layer.stride_height, layer.groups),
            (layer.pad_top, layer.pad_left, layer.macs),
        )
        published = (
            ("in_channels", "in_height", "in_width"),
            ("out_channels", "out_height", "out_width"),
            ("kernel_h", "kernel_w", "stride", "groups"),
            ("pad_h", "pad_w", "macs"),
        )
        assert ours == tuple(tuple(int(row[column]) for column in part) for part in published), row["name"]


def test_mobilenet_costs_the_same_with_either_padding(network: Callable[[str], Workload]) -> None:
    """TensorFlow pads strided layers below and right, others on all sides; the tiles read the same number of rows."""
    for size in ("8x8", "16x16"):
        accelerator = load_accelerator(f"squeezelerator-{size}")
        same, symmetric = (
            simulate_workload(network(name), accelerator, sparsity=0.4) for name in ("MobileNet", "MobileNet symmetric")
        )
        assert same.cycles == pytest.approx(symmetric.cycles, rel=1e-9)
        assert same.energy.total == pytest.approx(symmetric.energy.total, rel=1e-9)
