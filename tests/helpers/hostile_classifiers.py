"""Single .tflite files that verbs take for classifiers of images, and that end their runtime or never end."""

from __future__ import annotations

import random
from collections.abc import Callable

from helpers.hostile_tflite import IMAGE, add_endless_loop
from helpers.tflite_graphs import TfliteMaker


def classifier(*, endless: bool = False) -> bytes:
    """Return a file that takes an image and answers with three classes, at once or never."""
    maker = TfliteMaker()
    maker.tensor("x", IMAGE, is_input=True)
    maker.tensor("axes", [2], "int32", values=[1, 2])
    maker.tensor("y", [1, 3])
    taken = "x"
    if endless:
        taken = maker.tensor("z", IMAGE)
        add_endless_loop(maker, "RELU", taken)
    maker.node("MEAN", [taken, "axes"], ["y"], options="ReducerOptions", keepDims=False)
    return maker.to_bytes()


def split_in_no_parts() -> bytes:
    """Return a file that ends LiteRT's process by SIGSEGV or SIGFPE."""
    maker = TfliteMaker()
    maker.tensor("x", [1, 4, 4, 3], is_input=True)
    maker.tensor("axis", [], "int32", values=3)
    maker.tensor("y", [1, 4, 4, 3])
    maker.node("SPLIT", ["axis", "x"], ["y"], options="SplitOptions", numSplits=0)
    return maker.to_bytes()


def of_kind(make: Callable[[random.Random], bytes], sign: str) -> bytes:
    """Return the first file of a kind in which some bytes stand."""
    return next(data for seed in range(100) if sign.encode() in (data := make(random.Random(seed))))
