"""Systematic names of SqueezeNexts that no table lists."""

from __future__ import annotations

import pytest

from sqnxt_tf.errors import SqnxtError
from sqnxt_tf.networks.registry import find_network, is_network, layer_rows
from sqnxt_tf.networks.squeezenext import SPECS, SqnxtSpec
from sqnxt_tf.networks.squeezenext_names import parse_name, spec_name, systematic_name


@pytest.mark.parametrize("name", SPECS)
def test_a_listed_network_has_a_systematic_name_too(name: str) -> None:
    systematic = systematic_name(SPECS[name])
    assert parse_name(systematic) == SPECS[name]
    assert find_network(systematic).name == name
    assert spec_name(SPECS[name]) == name


@pytest.mark.parametrize(
    ("name", "spec"),
    [
        ("sqnxt_1-2-3-4_w1_k3", SqnxtSpec(depth=(1, 2, 3, 4), stem_kernel=3)),
        (
            "sqnxt_2-4-13-2_w5d4_k5_conv-first_g2_ida",
            SqnxtSpec(
                depth=(2, 4, 13, 2), width=1.25, stem_kernel=5, transition="conv_first", groups=2, aggregate=True
            ),
        ),
    ],
)
def test_any_other_is_found_by_its_own(name: str, spec: SqnxtSpec) -> None:
    assert parse_name(name) == spec
    assert spec_name(spec) == name
    assert find_network(name).name == find_network(name.upper()).name == name
    blocks = sum(row.name.endswith("_expand") for row in layer_rows(name))
    assert blocks == sum(spec.depth)


@pytest.mark.parametrize("name", ["sqnxt_1-2-3_w1_k3", "sqnxt_1-2-3-4_w1", "sqnxt_1-2-3-4_w1_k3_g", "sqnxt", ""])
def test_what_is_no_name_is_no_network(name: str) -> None:
    assert parse_name(name) is None
    assert not is_network(name)


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("sqnxt_0-2-3-4_w1_k3", "blocks 0"),
        ("sqnxt_1-2-3-999_w1_k3", "blocks 999"),
        ("sqnxt_1-2-3-4_w99_k3", "width 99"),
        ("sqnxt_1-2-3-4_w1d0_k3", "width 0"),
        ("sqnxt_1-2-3-4_w1_k99", "stem_kernel 99"),
        ("sqnxt_1-2-3-4_w1_k3_g99", "groups 99"),
    ],
)
def test_numbers_out_of_range_are_refused(name: str, fault: str) -> None:
    with pytest.raises(SqnxtError, match=fault):
        find_network(name)


def test_groups_that_do_not_divide_the_channels_are_refused_when_it_is_described() -> None:
    with pytest.raises(SqnxtError, match="3 groups"):
        layer_rows("sqnxt_1-1-1-1_w1_k3_g3")
