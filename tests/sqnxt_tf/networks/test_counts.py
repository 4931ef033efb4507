"""Peak memory on graphs small enough to count by hand."""

from __future__ import annotations

from sqnxt_tf.networks.counts import count_macs, count_macs_as_paper, count_params, peak_activation_bytes
from sqnxt_tf.networks.ops import Epilogue
from sqnxt_tf.networks.rows import RowOps
from sqnxt_tf.networks.summaries import summarise


def test_a_chain_holds_a_layers_input_and_output() -> None:
    ops = RowOps()
    x = ops.conv(ops.input(4, 4, 3), 8, 3, name="a")  # 48 in, 128 out
    x = ops.conv(x, 2, 1, name="b")  # 128 in, 32 out
    assert peak_activation_bytes(ops.rows) == 4 * (48 + 128)
    assert peak_activation_bytes(ops.rows, bytes_per_element=1) == 48 + 128


def test_a_shortcut_lives_until_it_is_added() -> None:
    ops = RowOps()
    x = ops.conv(ops.input(4, 4, 1), 8, 1, name="a")  # 128
    y = ops.conv(x, 4, 1, name="b")  # 64
    y = ops.conv(y, 8, 1, name="c")  # 128
    ops.add([x, y], name="sum")  # 128
    assert peak_activation_bytes(ops.rows) == 4 * (128 + 128 + 128)


def test_the_three_counts_of_one_layer() -> None:
    ops = RowOps()
    ops.conv(ops.input(5, 5, 3), 4, 3, padding="valid", then=Epilogue(bias=True, batch_norm=True), name="a")
    assert count_params(ops.rows) == 3 * 3 * 3 * 4 + 4 + 2 * 4
    assert count_macs(ops.rows) == 9 * 3 * 4 * 9
    assert count_macs_as_paper(ops.rows) == count_macs(ops.rows) + 4 * 9


def test_the_stem_of_alexnet_is_its_peak() -> None:
    # 227x227x3 in, 55x55x96 out
    assert summarise("alexnet").peak_activation_bytes == 4 * (227 * 227 * 3 + 55 * 55 * 96)
