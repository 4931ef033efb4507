"""Layers by hand: the sizes that Keras' `same` and explicit pads give, and what is refused."""

from __future__ import annotations

import pytest

from sqnxt_sim import ConvLayer, SimulatorError, conv, parse_layer

OUTPUTS = [
    ("56x56x64,3x3x128,stride=2", (28, 28, 128), 56 * 56 // 4 * 9 * 64 * 128),
    ("56x55x64,3x3x128,stride=2,pad=1", (28, 28, 128), 28 * 28 * 9 * 64 * 128),
    ("56x56x64,3x3x128,pad=valid", (54, 54, 128), 54 * 54 * 9 * 64 * 128),
    ("56x56x64,3x3x128,pad=0", (54, 54, 128), 54 * 54 * 9 * 64 * 128),
    ("56x56x64,3x3x64,groups=64", (56, 56, 64), 56 * 56 * 9 * 64),
    ("30x30x8,3x3x8,dilation=2", (30, 30, 8), 30 * 30 * 9 * 8 * 8),
    ("30x30x8,3x3x8,dilation=2,pad=0", (26, 26, 8), 26 * 26 * 9 * 8 * 8),
    ("224x224x3,7x1x16,stride=4", (56, 56, 16), 56 * 56 * 7 * 3 * 16),
    ("1x1x1024, 1x1x1000", (1, 1, 1000), 1024 * 1000),
    ("7x7x3,1x1x3,stride=3,name=odd", (3, 3, 3), 9 * 9),
]


@pytest.mark.parametrize(("text", "shape", "macs"), OUTPUTS)
def test_a_text_is_the_layer_that_it_describes(text: str, shape: tuple[int, int, int], macs: int) -> None:
    layer = parse_layer(text)
    assert (layer.out_height, layer.out_width, layer.out_channels) == shape
    assert layer.macs == macs


def test_same_pads_as_keras_does() -> None:
    layer = conv("56x57x64", "3x3x128", stride=2)
    assert (layer.pad_top, layer.pad_bottom, layer.pad_left, layer.pad_right) == (0, 1, 1, 1)


def test_a_layer_is_named_by_the_text_that_makes_it_again() -> None:
    layer = conv("56x56x64", "3x3x128", stride=2, pad=1)
    assert layer.name == "56x56x64,3x3x128,stride=2,pad=1"
    assert parse_layer(layer.name) == layer
    assert isinstance(layer, ConvLayer)
    assert parse_layer("8x8x4,3x3x4,name=mine").name == "mine"


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "'' is not three sizes; write it as in 56x56x64,3x3x128,stride=2"),
        ("56x56x64", "'' is not three sizes"),
        ("56x56,3x3x128", "'56x56' is not three sizes"),
        ("56x56x64,3x3x-1", "'3x3x-1' is not three sizes"),
        ("56x56x64,3x3x128,stride", "has the option 'stride'; options are stride, groups"),
        ("56x56x64,3x3x128,strides=2", "has the option 'strides=2'"),
        ("56x56x64,3x3x128,stride=2,stride=3", "has the option 'stride=3'"),
        ("56x56x64,3x3x128,stride=0", "stride 0 or dilation 1 is below 1"),
        ("56x56x64,3x3x128,stride=two", "stride is 'two'; it must be a whole number"),
        ("56x56x64,3x3x128,pad=full", "pad is 'full'; it must be a whole number, same or valid"),
        ("56x56x64,3x3x128,groups=3", "3 groups do not divide 64 input and 128 output channels"),
        ("2x2x64,3x3x128,pad=0", "the 3x3 kernel is larger than its padded 2x2 input"),
        ("56x56x0,3x3x128", "in_channels is 0"),
        (f"56x56x64,3x3x128,stride={'9' * 5000}", "it must be a whole number"),
    ],
)
def test_what_is_refused(text: str, fault: str) -> None:
    with pytest.raises(SimulatorError) as error:
        parse_layer(text)
    assert fault in str(error.value)
