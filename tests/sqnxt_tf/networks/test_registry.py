from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sqnxt_tf.errors import SqnxtError
from sqnxt_tf.networks.registry import find_network, layer_rows, networks


@pytest.mark.parametrize(
    ("spelling", "name"),
    [
        ("sqnxt23v5_w1", "sqnxt23v5_w1"),
        ("1.0-SqNxt-23v5", "sqnxt23v5_w1"),
        ("1.5-sqnxt-34", "sqnxt34_w3d2"),
        ("1.0-G-SqNxt-23", "sqnxt23g_w1"),
        ("1.0-SqNxt-44-IDA", "sqnxt44ida_w1"),
        ("SqueezeNet", "squeezenet_v1_0"),
        ("SqueezeNet v1.1", "squeezenet_v1_1"),
        ("SqueezeNet v1.0, complex bypass", "squeezenet_v1_0_complex_bypass"),
        ("Tiny Darknet", "tiny_darknet"),
        ("MobileNet", "mobilenet_w1"),
        ("VGG-19", "vgg19"),
    ],
)
def test_our_names_and_the_papers_are_accepted(spelling: str, name: str) -> None:
    assert find_network(spelling).name == name


def test_no_two_networks_share_a_spelling() -> None:
    spellings = [s for n in networks().values() for s in {x.lower() for x in (n.name, n.paper_name, *n.other_names)}]
    assert len(set(spellings)) == len(spellings)
    assert all(find_network(network.paper_name) is network for network in networks().values())


def test_an_unknown_name_is_answered_with_near_ones() -> None:
    with pytest.raises(SqnxtError, match=r"'sqnxt23v6_w1': is not known; did you mean sqnxt23v"):
        find_network("sqnxt23v6_w1")
    with pytest.raises(SqnxtError, match="sqnxt-tf list"):
        find_network("???")


@pytest.mark.parametrize(
    ("name", "smallest"), [("alexnet", 55), ("sqnxt23_w1", 11), ("vgg19", 17), ("mobilenet_w1", 1), ("darknet_ref", 33)]
)
def test_an_input_that_is_too_small_is_refused_with_the_smallest_that_is_not(name: str, smallest: int) -> None:
    layer_rows(name, input_size=smallest)
    if smallest > 1:
        with pytest.raises(SqnxtError, match=f"{smallest - 1}x{smallest - 1} is too small.*smallest is {smallest}x"):
            layer_rows(name, input_size=smallest - 1)


@pytest.mark.parametrize("size", [-1, 5000, (32, 0)])
def test_sizes_out_of_range_are_refused(size: int | tuple[int, int]) -> None:
    with pytest.raises(SqnxtError, match="out of range"):
        layer_rows("alexnet", input_size=size)


@settings(deadline=None)
@given(name=st.sampled_from(sorted(networks())), height=st.integers(64, 300), width=st.integers(64, 300))
def test_every_layer_reads_what_another_wrote(name: str, height: int, width: int) -> None:
    shapes = {"input": (height, width, 3)}
    for row in layer_rows(name, classes=10, input_size=(height, width)):
        channels = sum(shapes[source][2] for source in row.inputs)
        if row.op == "Conv":
            assert shapes[row.inputs[0]] == row.in_shape
        if row.op == "Concat":
            assert channels == row.out_shape[2]
        assert min(row.out_shape) > 0
        shapes[row.name] = row.out_shape
    assert shapes[row.name] == (1, 1, 10)
