"""SqueezeNet's design space: the paper's metaparameters, and systematic names of the networks in it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sqnxt_tf.errors import SqnxtError
from sqnxt_tf.networks.registry import find_network, is_network, layer_rows
from sqnxt_tf.networks.squeezenet import SPECS, V1_0, V1_1, SqueezenetSpec, fire_filters
from sqnxt_tf.networks.squeezenet_names import LIMITS, parse_name, spec_name, squeezenet_spec, systematic_name

# Table 1 of the paper: squeeze, 1x1 and 3x3 filters of fire2 to fire9
TABLE_1 = ((16, 64, 64), (16, 64, 64), (32, 128, 128), (32, 128, 128), (48, 192, 192), (48, 192, 192),
           (64, 256, 256), (64, 256, 256))  # fmt: skip
RATIOS = st.tuples(st.integers(1, 99), st.integers(1, 100)).filter(lambda pair: pair[0] <= pair[1])
SPEC = st.builds(
    squeezenet_spec,
    st.sampled_from(["1.0", "1.1"]),
    squeeze_ratio=RATIOS.map(lambda pair: max(pair[0] / pair[1], 0.01)),
    fraction_3x3=st.integers(1, 99).map(lambda percent: percent / 100),
    base_expand=st.integers(2, 300),
    expand_increment=st.integers(0, 300),
    fires_per_step=st.integers(1, 8),
    bypass=st.sampled_from(["none", "simple", "complex"]),
)


@pytest.mark.parametrize("spec", [V1_0, V1_1])
def test_the_published_networks_are_points_of_the_space(spec: SqueezenetSpec) -> None:
    assert tuple(map(tuple, fire_filters(spec))) == TABLE_1


@pytest.mark.parametrize("name", SPECS)
def test_a_listed_network_has_a_systematic_name_too(name: str) -> None:
    systematic = systematic_name(SPECS[name])
    assert parse_name(systematic) == SPECS[name]
    assert find_network(systematic).name == name
    assert spec_name(SPECS[name]) == name


@settings(deadline=None, max_examples=50)
@given(SPEC)
def test_every_point_has_a_name_and_the_filters_that_the_metaparameters_ask_for(spec: SqueezenetSpec) -> None:
    name = spec_name(spec)
    assert find_network(name).name == find_network(name.upper()).name == name
    assert parse_name(systematic_name(spec)) == spec
    rows = {row.name: row for row in layer_rows(name, classes=10, input_size=64)}
    for order, filters in enumerate(fire_filters(spec)):
        expand = spec.base_expand + spec.expand_increment * (order // spec.fires_per_step)
        assert rows[f"fire{order + 2}_concat"].out_shape[2] == expand
        assert min(filters) >= 1
        assert abs(filters.expand3x3 - expand * spec.fraction_3x3) <= 1
        assert abs(filters.squeeze - expand * spec.squeeze_ratio) <= 1
        assert rows[f"fire{order + 2}_expand3x3"].in_shape[2] == filters.squeeze
        assert (f"fire{order + 2}_bypass" in rows) >= (spec.bypass == "complex")


def test_a_simple_bypass_goes_round_the_modules_that_keep_their_channels() -> None:
    spec = replace(V1_0, fires_per_step=4, bypass="simple")
    names = [row.name for row in layer_rows(spec_name(spec)) if row.op == "Add"]
    assert names == [f"fire{index}_bypass" for index in (3, 4, 5, 7, 8, 9)]


@pytest.mark.parametrize("name", ["squeezenet_v1-2_sr1d8_t1d2_e128_i128_f2", "squeezenet_v1-0_sr1d8"])
def test_what_is_no_name_is_no_network(name: str) -> None:
    assert parse_name(name) is None
    assert not is_network(name)


@pytest.mark.parametrize(
    ("parts", "fault"),
    [
        ("sr2_t1d2_e128_i128_f2", "squeeze_ratio 2"),
        ("sr1d0_t1d2_e128_i128_f2", "squeeze_ratio 0"),
        ("sr1d8_t1_e128_i128_f2", "fraction_3x3 1"),
        ("sr1d8_t1d2_e1_i128_f2", "base_expand 1"),
        ("sr1d8_t1d2_e128_i9999_f2", "expand_increment 9999"),
        ("sr1d8_t1d2_e128_i128_f9", "fires_per_step 9"),
    ],
)
def test_numbers_out_of_range_are_refused(parts: str, fault: str) -> None:
    with pytest.raises(SqnxtError, match=fault):
        find_network(f"squeezenet_v1-0_{parts}")
    assert {part for part in LIMITS if part in fault}
