"""The tally of a network is its plain layer rows, counted."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from sqnxt_tf.networks.registry import find_network, input_shape, layer_rows, networks
from sqnxt_tf.networks.rows import LayerRow
from sqnxt_tf.networks.tallies import TallyOps

OTHERS = ["sqnxt_1-9-10-1_w5d4_k3", "sqnxt_3-1-1-2_w1_k5_conv-first_g2_ida"]


def nameless(row: LayerRow) -> LayerRow:
    return replace(row, name="", inputs=())


@pytest.mark.parametrize("shared", [TallyOps()])
@pytest.mark.parametrize("name", [*networks(), *OTHERS])
def test_a_tally_holds_the_rows_of_the_network_as_often_as_it_uses_them(name: str, shared: TallyOps) -> None:
    rows = layer_rows(name, classes=10)
    height, width = input_shape(find_network(name))
    shared.begin()  # the same tally for all networks, as in a search
    logits = find_network(name).define(shared, shared.input(height, width, 3), 10)
    assert logits == rows[-1].out_shape
    counted: Counter[LayerRow] = Counter()
    for index, uses in shared.uses().items():
        counted[nameless(shared.rows[index])] += uses
    assert counted == Counter(map(nameless, rows))


@pytest.mark.parametrize("name", ["sqnxt23v5_w1", *OTHERS, "squeezenet_v1_1"])
def test_blocks_and_the_rest_are_the_whole_network(name: str) -> None:
    tally = TallyOps()
    find_network(name).define(tally, tally.input(75, 75, 3), 10)
    blocks = tally.uses_by_block()
    assert sum(blocks.values(), Counter()) == tally.uses()
    depth = Counter(row.name.split("_")[0] for row in layer_rows(name) if row.name.endswith("_expand"))
    assert Counter(f"stage{stage}" for stage, block in blocks if block) == depth
    assert all(len(uses) >= 1 for uses in blocks.values())


def test_a_layer_is_made_once_however_many_networks_use_it() -> None:
    tally = TallyOps()
    for name in ("sqnxt23_w1", "sqnxt44_w1", "sqnxt34_w1"):
        tally.begin()
        find_network(name).define(tally, tally.input(227, 227, 3), 1000)
    rows = list(map(nameless, tally.rows))
    assert len(set(rows)) == len(rows)
    assert sum(tally.uses().values()) == len(layer_rows("sqnxt34_w1"))
