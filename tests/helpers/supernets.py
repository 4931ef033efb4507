"""Spaces of networks so small that a supernet of them is trained in seconds."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sqnxt_tf.exploration.space import Space
from sqnxt_tf.exploration.space_file import load_space


def tiny_space(**dimensions: Any) -> Space:
    """Return a space of small networks at small inputs, with some of its dimensions replaced."""
    space = load_space("digits")
    few = {"stage1": (1, 2), "stage2": (1, 3), "stage3": (1, 2), "stem_kernel": (3, 5, 7), "input_size": (31, 40)}
    return replace(space, dimensions={**space.dimensions, **few, **dimensions})


def least_space(**dimensions: Any) -> Space:
    """Return a space of sixteen networks that differ in every dimension."""
    return tiny_space(
        stage1=(1, 2), stage2=(1,), stage3=(1,), stem_kernel=(3, 5), width=(0.5, 1.0), input_size=(24, 32), **dimensions
    )
