"""Training of a supernet: which networks a step trains, what contradicts it, and that the smallest one learns."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from helpers.supernets import least_space, tiny_space
from helpers.training import Killed, kill_at, load_weights
from sqnxt_export import Preprocessing, load_keras, read_metadata
from sqnxt_tf.data.arrays import to_arrays
from sqnxt_tf.data.digits import digits
from sqnxt_tf.errors import SqnxtError
from sqnxt_tf.exploration.space_file import load_space
from sqnxt_tf.options.training import TrainOptions
from sqnxt_tf.supernet.choices import SupernetChoices
from sqnxt_tf.supernet.elastic import ElasticNetwork
from sqnxt_tf.supernet.sandwich import drawn_choices
from sqnxt_tf.training.run_options import Saving
from sqnxt_tf.workflows.supernet_run import SUPERNET_KEY, SupernetRun
from sqnxt_tf.workflows.train import plan_training, train

SETTINGS: dict[str, Any] = {"supernet": least_space(), "seed": 5, "changes": {"epochs": 2, "batch": 64}, "drawn": 1}


def test_a_seed_draws_the_same_networks_again_and_all_of_them_in_the_end() -> None:
    choices = SupernetChoices.of(tiny_space())
    drawn = [tuple(one.numpy().tolist()) for one in drawn_choices(choices, 300, [3, 4])]
    assert drawn[:5] == [tuple(one.numpy().tolist()) for one in drawn_choices(choices, 5, [3, 4])]
    assert drawn[:5] != [tuple(one.numpy().tolist()) for one in drawn_choices(choices, 5, [3, 5])]
    for choice in drawn:
        size = choice[-1]
        assert choices.choice(choices.spec(choice), size) == choice
    for place, values in enumerate((*choices.depths, (0, 1), choices.stem_kernels, choices.input_sizes)):
        assert {choice[place] for choice in drawn} == set(values)


@pytest.mark.parametrize(
    ("network", "settings", "named"),
    [
        ("sqnxt23_w1", {}, "network sqnxt23_w1 beside it"),
        (None, {"model": "mine.keras"}, "model mine.keras"),
        (None, {"teacher": "big.keras"}, "teacher big.keras"),
        (None, {"input_size": 64}, "input_size 64"),
        (None, {"supernet": load_space("squeezenet")}, "family squeezenet"),
        (None, {"supernet": "paper"}, "transition = parallel, conv-first"),
    ],
)
def test_options_that_contradict_a_supernet_are_refused(
    network: str | None, settings: dict[str, Any], named: str
) -> None:
    with pytest.raises(SqnxtError, match=named):
        SupernetRun.of(network, TrainOptions(**{"supernet": "digits", **settings}))


def test_the_number_of_drawn_networks_has_limits() -> None:
    with pytest.raises(SqnxtError, match="drawn: 17 is out of range"):
        TrainOptions(supernet="digits", drawn=17)


def test_the_plan_is_that_of_the_largest_network_and_counts_the_others() -> None:
    plan = plan_training(None, "super.keras", supernet="digits")
    alone = plan_training("sqnxt_4-4-8-1_w1_k5_conv-first", "alone.keras")
    assert plan.network == alone.network
    assert plan.input_size == (64, 64)
    assert plan.parameters == alone.parameters
    assert 2 * alone.seconds < plan.seconds < 4 * alone.seconds


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("supernet") / "super.keras"
    train(None, path, **{**SETTINGS, "changes": {"epochs": 10}})
    return path


def top1_of(model: Any, choices: SupernetChoices, choice: tuple[int, ...]) -> float:
    """Return the accuracy of a slice on the validation part, normalised by its own images."""
    import tensorflow as tf

    validation = to_arrays(digits("validation"), Preprocessing.plain(choice[-1]))
    logits, _ = ElasticNetwork(model, choices)(tf.constant(validation.images), tf.constant(choice))
    return float((np.argmax(logits, axis=1) == validation.labels).mean())


@pytest.mark.slow
def test_the_smallest_network_learns_with_the_largest(trained: Path) -> None:
    metadata = read_metadata(trained)
    assert metadata is not None
    assert metadata.network == "sqnxt_2-1-1-1_w1_k5_conv-first"
    choices = SupernetChoices.from_json(metadata.extra["settings"][SUPERNET_KEY], str(trained))
    assert choices == SupernetChoices.of(least_space())
    model = load_keras(trained)
    assert top1_of(model, choices, choices.largest) > 0.6  # of ten classes
    assert top1_of(model, choices, choices.smallest) > 0.4  # nothing but the sandwich trains it


@pytest.mark.slow
def test_a_supernet_that_was_cut_off_ends_with_the_weights_of_one_that_was_not(tmp_path: Path) -> None:
    whole, cut = tmp_path / "whole.keras", tmp_path / "cut.keras"
    train(None, whole, **SETTINGS)
    for step in (9, 27):
        with pytest.raises(Killed):
            train(None, cut, **SETTINGS, saving=Saving(steps=4), progress=kill_at(step))
    train(None, cut, **SETTINGS, saving=Saving(steps=4))
    for left, right in zip(load_weights(whole), load_weights(cut), strict=True):
        np.testing.assert_array_equal(left, right)
