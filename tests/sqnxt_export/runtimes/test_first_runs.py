"""Files are marked while they are opened and first run, and what TensorFlow raises then is one line."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sqnxt_base.limits import Limits
from sqnxt_base.opening import Event, opening, removed_on_death, tell_openings, temporary_folder
from sqnxt_base.watching import Watch
from sqnxt_export import ExportError, TensorInfo, open_model
from sqnxt_export.runtimes.keras_runner import KerasRunner
from sqnxt_export.runtimes.signatures import Signature, run_model


@pytest.fixture
def told() -> Iterator[list[tuple[Event, str]]]:
    events: list[tuple[Event, str]] = []
    tell_openings(lambda event, path: events.append((event, path)))
    yield events
    tell_openings(None)


class Endless:
    """A model that asks for more than fits in memory."""

    name = "endless"
    batch = 1
    signature = Signature((TensorInfo(name="x", shape=(2,)),), (TensorInfo(name="y", shape=(2,)),))

    def flat_call(self, *tensors: Any) -> list[Any]:
        raise ValueError("OOM when allocating\na tensor")


def test_what_tensorflow_raises_is_one_line() -> None:
    with pytest.raises(ExportError, match=r"model 'endless': TensorFlow failed \(OOM when allocating a tensor\)"):
        run_model(Endless(), (np.zeros((1, 2), np.float32),))
    with pytest.raises(ExportError, match=r"m.keras: TensorFlow failed \(OOM when allocating a tensor\)"):
        KerasRunner(Path("m.keras"), Endless()).run_all(np.zeros((1, 2), np.float32))


@pytest.mark.parametrize("kind", ["onnx", "tflite", "keras"])
def test_opening_and_the_first_run_are_marked(files: dict[str, Path], told: list[tuple[Event, str]], kind: str) -> None:
    runner = open_model(files[kind])
    marks = [event for event in told if event[0] in (Event.OPENING, Event.OPENED)]
    assert marks == [(Event.OPENING, str(files[kind])), (Event.OPENED, "")]
    del told[:]
    for _ in range(2):
        runner.run(runner.noise(1))
    assert told == [(Event.OPENING, str(files[kind])), (Event.OPENED, "")]


def test_what_a_process_has_in_memory_before_does_not_count() -> None:
    before = np.ones(40 << 20, np.uint8)
    watch = Watch(os.getpid(), Limits(memory_bytes=30 << 20))
    assert watch.fault() is None
    taken = np.ones(60 << 20, np.uint8)
    fault = watch.fault()
    assert fault is not None
    assert "more than 31 MB of memory" in fault[0]
    assert len(before) < len(taken)


def test_of_nested_marks_the_outermost_counts(told: list[tuple[Event, str]]) -> None:
    with pytest.raises(ValueError, match="why"), opening("a"), opening("b"):
        raise ValueError("why")
    with opening():
        pass
    assert told == [(Event.OPENING, "a"), (Event.OPENED, ""), (Event.OPENING, ""), (Event.OPENED, "")]


def test_what_is_temporary_is_told_and_removed(tmp_path: Path, told: list[tuple[Event, str]]) -> None:
    with temporary_folder() as folder, removed_on_death(tmp_path / "half"):
        assert folder.is_dir()
    assert not folder.exists()
    made = [(Event.MADE, str(folder)), (Event.MADE, str(tmp_path / "half"))]
    assert told == [*made, (Event.REMOVED, str(tmp_path / "half")), (Event.REMOVED, str(folder))]
