"""Spaces of networks so small that a supernet of them is trained in seconds."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from sqnxt_export import Metadata, Preprocessing, save_keras
from sqnxt_tf.data.digits import digits
from sqnxt_tf.exploration.space import Space
from sqnxt_tf.exploration.space_file import load_space
from sqnxt_tf.networks.keras_ops import build
from sqnxt_tf.options.training import TrainOptions
from sqnxt_tf.workflows.supernet_run import SUPERNET_KEY, SupernetRun


def tiny_space(**dimensions: Any) -> Space:
    """Return a space of small networks at small inputs, with some of its dimensions replaced."""
    space = load_space("digits")
    few = {"stage1": (1, 2), "stage2": (1, 3), "stage3": (1, 2), "stem_kernel": (3, 5, 7), "input_size": (31, 40)}
    return replace(space, dimensions={**space.dimensions, **few, **dimensions})


def least_space(**dimensions: Any) -> Space:
    """Return a space of sixteen networks that differ in every dimension."""
    few = {"stage1": (1, 2), "stage2": (1,), "stage3": (1,), "stem_kernel": (3, 5), "input_size": (24, 32)}
    return tiny_space(**{**few, **dimensions})


def write_supernet(path: Path, space: Space) -> Path:
    """Write a supernet of the digits with random weights."""
    run = SupernetRun.of(None, TrainOptions(supernet=space))
    assert run is not None
    model = build(run.network, classes=10, input_size=run.input_size, seed=1)
    metadata = Metadata(
        network=run.network, labels=digits("test").class_names, preprocessing=Preprocessing.plain(run.input_size),
        input_size=(run.input_size, run.input_size), data="digits/test",
        extra={"settings": {"data": "digits", SUPERNET_KEY: run.settings()}},
    )  # fmt: skip
    save_keras(model, path, metadata)
    return path
