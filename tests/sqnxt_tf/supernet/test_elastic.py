"""Slices of a supernet: they are the networks that their names say, to the last layer."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from helpers.supernets import tiny_space
from sqnxt_tf.errors import SqnxtError
from sqnxt_tf.networks.keras_ops import build
from sqnxt_tf.networks.registry import find_network
from sqnxt_tf.networks.squeezenext_names import parse_name, spec_name
from sqnxt_tf.supernet.choices import SIZE, SupernetChoices
from sqnxt_tf.supernet.cutting import cut_out
from sqnxt_tf.supernet.elastic import ElasticNetwork

TOLERANCE = 1e-5


def supernet(choices: SupernetChoices) -> Any:
    return build(spec_name(choices.spec(choices.largest)), classes=10, input_size=choices.largest[SIZE], seed=3)


def images_of(size: int, count: int = 8) -> Any:
    return np.random.default_rng(size).normal(size=(count, size, size, 3)).astype(np.float32)


@pytest.mark.parametrize("transition", ["conv-first", pytest.param("parallel", marks=pytest.mark.slow)])
def test_a_network_that_is_cut_out_answers_as_the_slice_does(transition: str) -> None:
    import tensorflow as tf

    choices = SupernetChoices.of(tiny_space(transition=(transition,)))
    model = supernet(choices)
    for weight in model.weights:  # no batch norm shall be the identity
        if "batch_normalization" in weight.name or "_bn" in weight.name:
            weight.assign(tf.random.stateless_uniform(weight.shape, (1, len(weight.name)), 0.5, 1.5))
    network = ElasticNetwork(model, choices)
    _, answer = network.compiled()
    shape = (2, network.program.channels)
    statistics = np.random.default_rng(0).uniform(0.5, 1.5, shape).astype(np.float32)
    for choice in (choices.smallest, (2, 1, 2, 1, 1, 5, 40)):
        images = images_of(choice[SIZE])
        answers = answer(images, tf.constant(choice), statistics)
        cut = cut_out(model, choices, choice, statistics)
        assert cut.name == spec_name(choices.spec(choice))
        np.testing.assert_allclose(cut(images, training=False), answers, atol=TOLERANCE, rtol=TOLERANCE)


def test_with_its_own_statistics_the_largest_slice_is_the_supernet_in_training() -> None:
    import tensorflow as tf

    choices = SupernetChoices.of(tiny_space())
    model, images = supernet(choices), images_of(40)
    answers, _ = ElasticNetwork(model, choices)(images, tf.constant(choices.largest))
    np.testing.assert_allclose(model(images, training=True), answers, atol=TOLERANCE, rtol=TOLERANCE)


def test_a_choice_and_a_name_are_one_network() -> None:
    choices = SupernetChoices.of(tiny_space())
    spec = parse_name("sqnxt_2-3-1-1_w1d2_k5_conv-first")
    assert spec is not None
    choice = choices.choice(spec, 40)
    assert choice == (2, 3, 1, 1, 0, 5, 40)
    assert choices.spec(choice) == spec
    assert SupernetChoices.from_json(choices.to_json(), "x.keras") == choices


@pytest.mark.parametrize(
    ("network", "size", "named"),
    [
        ("sqnxt_2-2-1-1_w1_k5_conv-first", 40, "stage2 2"),
        ("sqnxt_2-3-1-1_w2_k5_conv-first", 40, "width 2.0"),
        ("sqnxt_2-3-1-1_w1_k5", 40, "transition parallel"),
        ("sqnxt_2-3-1-1_w1_k5_conv-first", 64, "input_size 64"),
    ],
)
def test_a_network_that_is_no_slice_is_refused(network: str, size: int, named: str) -> None:
    spec = parse_name(network)
    assert spec is not None
    assert find_network(network)
    with pytest.raises(SqnxtError, match=named):
        SupernetChoices.of(tiny_space()).choice(spec, size)


@pytest.mark.parametrize(
    ("dimensions", "named"),
    [
        ({"transition": ("parallel", "conv-first")}, "transition = parallel, conv-first does not fit"),
        ({"groups": (2,)}, "groups = 2 does not fit"),
        ({"aggregate": (True,)}, "aggregate = true does not fit"),
        ({"stem_kernel": (4,)}, "stem_kernel = 4"),
        ({"input_size": (4,)}, "too small"),
    ],
)
def test_a_space_that_does_not_fit_one_supernet_is_refused(dimensions: dict[str, Any], named: str) -> None:
    with pytest.raises(SqnxtError, match=named):
        SupernetChoices.of(tiny_space(**dimensions))


@pytest.mark.parametrize("stored", [None, {}, {"depths": 3}, {"depths": [[1]] * 3, "widths": [1]}])
def test_a_file_that_holds_no_supernet_is_refused(stored: object) -> None:
    with pytest.raises(SqnxtError, match="is not a supernet"):
        SupernetChoices.from_json(stored, "x.keras")
