"""Our rows against the published layer tables."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from helpers.golden import read_golden
from sqnxt_tf.networks.rows import LayerRow, RowOps
from sqnxt_tf.networks.squeezenet import V1_0, V1_1, squeezenet
from sqnxt_tf.networks.squeezenext import SPECS, sqnxt

GOLDEN = Path(__file__).parent / "golden"

# The published SqueezeNet v1.0 pads its last 1x1 convolution by one; ours does not (see SqueezenetSpec).
PUBLISHED = {
    "1.0-SqNxt-23": (sqnxt, SPECS["sqnxt23_w1"]),
    "1.0-SqNxt-23v5": (sqnxt, SPECS["sqnxt23v5_w1"]),
    "2.0-SqNxt-23": (sqnxt, SPECS["sqnxt23_w2"]),
    "SqueezeNet-v1.0": (squeezenet, replace(V1_0, classifier_padding=1)),
    "SqueezeNet-v1.1": (squeezenet, V1_1),
}
OPS = {"AvePool": "GlobalAveragePool"}


def our_rows(name: str) -> list[LayerRow]:
    builder, spec = PUBLISHED[name]
    ops = RowOps()
    builder(ops, ops.input(227, 227, 3), 1000, spec)
    return ops.rows


def shape_of(row: dict[str, str], side: str) -> tuple[int, int, int]:
    return int(row[f"{side}_height"]), int(row[f"{side}_width"]), int(row[f"{side}_channels"])


@pytest.mark.parametrize("name", PUBLISHED)
def test_rows_equal_the_published_table(name: str) -> None:
    published, ours = read_golden(GOLDEN / f"{name}.csv"), our_rows(name)
    assert len(ours) == len(published)
    for theirs, row in zip(published, ours, strict=True):
        assert row.op == OPS.get(theirs["op"], theirs["op"])
        assert row.out_shape == shape_of(theirs, "out")
        assert row.weights + row.biases == int(theirs["params"])
        assert row.macs == int(theirs["macs"])
        if row.op in ("Add", "Concat"):
            continue
        assert row.in_shape == shape_of(theirs, "in")
        assert row.kernel == (int(theirs["kernel_h"]), int(theirs["kernel_w"]))
        assert row.stride == int(theirs["stride"])
        assert row.groups == int(theirs["groups"])
        if row.op == "Conv":
            pads = int(theirs["pad_h"]), int(theirs["pad_w"])
            assert row.pads == (*pads, *pads)


@pytest.mark.parametrize("name", PUBLISHED)
def test_layers_read_what_the_published_ones_read(name: str) -> None:
    published, ours = read_golden(GOLDEN / f"{name}.csv"), our_rows(name)
    our_name = {theirs["output"]: row.name for theirs, row in zip(published, ours, strict=True)}
    our_name["data"] = "input"
    for theirs, row in zip(published, ours, strict=True):
        assert set(row.inputs) == {our_name[source] for source in theirs["inputs"].split()}
