"""What is refused before LiteRT sees it: graphs that may end its process, by a signal or by an abort."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from helpers.tflite_graphs import TfliteMaker
from sqnxt_export import ExportError
from sqnxt_export.artifact.tflite_file import check_tflite

Change = Callable[[TfliteMaker], None]


def two_sums() -> TfliteMaker:
    """Make (image + 1) + 1 in int8; tensors 0 to 3 are the image, the constant and both sums."""
    make = TfliteMaker()
    make.tensor("image", [1, 4], "int8", is_input=True)
    make.tensor("one", [1, 4], "int8", values=[1, 1, 1, 1])
    for before, after in (("image", "first"), ("first", "second")):
        make.tensor(after, [1, 4], "int8")
        make.node("ADD", [before, "one"], [after], options="AddOptions")
    return make


def checked(make: TfliteMaker, folder: Path) -> None:
    path = folder / "a.tflite"
    path.write_bytes(make.to_bytes())
    check_tflite(path)


def connected(operator: int, end: str, place: int) -> Change:
    """Return a change of the first tensor that an operator reads or writes."""

    def change(make: TfliteMaker) -> None:
        getattr(make.graph.operators[operator], end)[0] = place

    return change


def stored(tensor: int, **quantization: Any) -> Change:
    """Return a change of how a tensor stores real values."""

    def change(make: TfliteMaker) -> None:
        vars(make.graph.tensors[tensor].quantization).update(quantization)

    return change


def in_floats(tensor: int) -> Change:
    def change(make: TfliteMaker) -> None:
        make.graph.tensors[tensor].type, make.graph.tensors[tensor].quantization = 0, None

    return change


FAULTS: dict[str, tuple[Change, str]] = {
    "an input is written": (connected(0, "outputs", 0), "operator ADD writes tensor 0"),
    "a constant is written": (connected(0, "outputs", 1), "operator ADD writes tensor 1"),
    "a tensor is written twice": (connected(1, "outputs", 2), "operator ADD writes tensor 2"),
    "a tensor is read too early": (connected(0, "inputs", 3), "operator ADD reads tensor 3, which nothing has written"),
    "a zero point out of range": (stored(0, zeroPoint=[128]), "int8 tensor with the zero point 128"),
    "a scale that is nearly 0": (stored(1, scale=[1e-40]), "int8 tensor with the scales"),
    "no scale": (stored(1, scale=[], zeroPoint=[]), "int8 tensor with the scales"),
    "a sum far finer than its addends": (stored(2, scale=[2.0**-20]), "has the scale 9.54e-07"),
    "a sum of another type": (in_floats(3), "operator ADD of int8, int8 gives float32, and one of them has no scale"),
}


def test_a_sound_graph_passes(tmp_path: Path) -> None:
    checked(two_sums(), tmp_path)


@pytest.mark.parametrize("name", FAULTS)
def test_what_may_end_the_process_is_refused(name: str, tmp_path: Path) -> None:
    change, words = FAULTS[name]
    make = two_sums()
    change(make)
    with pytest.raises(ExportError, match=words):
        checked(make, tmp_path)


def test_state_is_read_before_it_is_written_and_written_again(tmp_path: Path) -> None:
    make = two_sums()
    make.graph.tensors[2].isVariable = True
    connected(0, "inputs", 2)(make)
    connected(1, "outputs", 2)(make)
    checked(make, tmp_path)


def test_a_custom_operator_may_be_given_room_to_work_in(tmp_path: Path) -> None:
    make = two_sums()
    make.tensor("room", [1, 100], "uint8")
    make.tensor("third", [1, 4], "int8")
    make.node("CUSTOM", ["second", "room"], ["third"], custom="ethos-u")
    checked(make, tmp_path)
