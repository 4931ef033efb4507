"""Checkpoints: whole or not there, refused where they are not this run's."""

from __future__ import annotations

import os
from contextlib import nullcontext, suppress
from dataclasses import replace
from errno import ENOSPC
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from helpers.fuzzing import fuzz_seeds
from helpers.mutants import mutated
from sqnxt_tf.data.pipeline import Arrays, InMemory
from sqnxt_tf.errors import SqnxtError
from sqnxt_tf.training.optimizer import make_optimizer
from sqnxt_tf.training.recipe_files import DIGITS
from sqnxt_tf.training.state import RunState, named_variables, read_checkpoint, read_values, write_checkpoint
from sqnxt_tf.training.stepping import MetricSums

VALUES = {"model/0/kernel": np.arange(6, dtype=np.float32).reshape(2, 3), "optimizer/0/iteration": np.array(7)}
STATE = RunState(step=12, epoch=MetricSums(1.5, 2.0, 8.0), seconds=0.25, history=[{"epoch": 1, "loss": 0.125}])


def variables(shape: tuple[int, ...] = (2, 3)) -> dict[str, Any]:
    import tensorflow as tf

    return {
        "model/0/kernel": tf.Variable(tf.zeros(shape)),
        "optimizer/0/iteration": tf.Variable(tf.zeros([], tf.int64)),
    }


def test_what_was_written_is_read(tmp_path: Path) -> None:
    restored = variables()
    write_checkpoint(tmp_path / "checkpoint.npz", VALUES, STATE)
    assert read_checkpoint(tmp_path / "checkpoint.npz", restored) == STATE
    for name, variable in restored.items():
        np.testing.assert_array_equal(variable.numpy(), VALUES[name])
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint.npz"]


def test_the_loss_scale_is_taken_up_where_it_stood(tmp_path: Path) -> None:
    import tensorflow as tf
    import tf_keras as keras

    def make() -> tuple[Any, dict[str, Any]]:
        model = keras.Sequential([keras.layers.Dense(2, input_shape=(3,))])
        optimizer = make_optimizer(replace(DIGITS, precision="mixed_float16"), 10)
        optimizer.build(model.trainable_variables)
        return optimizer, named_variables(model, optimizer)

    optimizer, saved = make()
    kernel = next(iter(saved.values()))
    for gradient in (np.inf, 1.0, 1.0):  # one that overflows halves the scale, good ones are counted
        optimizer.apply_gradients([(gradient * tf.ones_like(kernel), kernel)])
    write_checkpoint(tmp_path / "checkpoint.npz", read_values(saved), STATE)
    resumed, variables = make()
    read_checkpoint(tmp_path / "checkpoint.npz", variables)
    assert float(resumed.loss_scale) == float(optimizer.loss_scale) == 2.0**14
    assert int(resumed.dynamic_counter) == int(optimizer.dynamic_counter) == 2


def test_without_a_checkpoint_a_run_begins(tmp_path: Path) -> None:
    assert read_checkpoint(tmp_path / "checkpoint.npz", variables()) is None


@pytest.mark.parametrize(("step", "by_file", "refused"), [(5, True, True), (6, True, False), (5, False, False)])
def test_other_workers_go_on_where_no_image_is_lost(step: int, by_file: bool, refused: bool) -> None:
    class ByFile(InMemory):
        same_for_any_workers = False

    arrays = Arrays(np.zeros((6, 2, 2, 3), np.float32), np.arange(6))
    batches = (ByFile if by_file else InMemory)(arrays=arrays)
    state = RunState(step=step, workers=2)
    state.take_over(2, batches, 2, Path("m.train"))
    told = r"m.train: was saved by 2 workers in the middle of an epoch, .* there are 3; continue with 2 to the end"
    with pytest.raises(SqnxtError, match=told) if refused else nullcontext():
        state.take_over(3, batches, 2, Path("m.train"))
    assert state.workers == (2 if refused else 3)
    RunState(step=5).take_over(3, ByFile(arrays=arrays), 2, Path("m.train"))  # an earlier version did not say


def test_a_full_disk_leaves_the_last_good_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(descriptor: int) -> None:
        raise OSError(ENOSPC, os.strerror(ENOSPC))

    path = tmp_path / "checkpoint.npz"
    write_checkpoint(path, VALUES, STATE)
    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(SqnxtError, match=r"step 13 cannot be written \(No space left on device\); free some space"):
        write_checkpoint(path, VALUES, replace(STATE, step=13))
    assert [entry.name for entry in tmp_path.iterdir()] == ["checkpoint.npz"]
    assert read_checkpoint(path, variables()) == STATE


@pytest.mark.parametrize("kept", [0, 30, 200, -30])
def test_a_damaged_checkpoint_is_refused(tmp_path: Path, kept: int) -> None:
    path = tmp_path / "checkpoint.npz"
    write_checkpoint(path, VALUES, STATE)
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(SqnxtError, match=r"is damaged, or of another version .*pass `force=True`"):
        read_checkpoint(path, variables())


def test_a_flipped_bit_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.npz"
    write_checkpoint(path, VALUES, STATE)
    content = bytearray(path.read_bytes())
    content[content.index(VALUES["model/0/kernel"].tobytes()) + 5] ^= 1
    path.write_bytes(content)
    with pytest.raises(SqnxtError, match="is damaged"):
        read_checkpoint(path, variables())


@pytest.mark.slow
@pytest.mark.fuzz
def test_thousands_of_damaged_checkpoints(tmp_path: Path) -> None:
    path, restored = tmp_path / "checkpoint.npz", variables()
    write_checkpoint(path, VALUES, STATE)
    whole = path.read_bytes()
    for seed in fuzz_seeds(300):
        path.write_bytes(mutated("npz", whole, seed))
        with suppress(SqnxtError):  # a changed member whose checksum is right is another checkpoint, and is read
            read_checkpoint(path, restored)


@pytest.mark.parametrize("shape", [(3, 2), (2, 3, 1), (200, 300)])
def test_the_checkpoint_of_another_model_is_refused(tmp_path: Path, shape: tuple[int, ...]) -> None:
    path = tmp_path / "checkpoint.npz"
    write_checkpoint(path, VALUES, STATE)
    with pytest.raises(SqnxtError, match=r"a variable is float32 \(2, 3\) instead of"):
        read_checkpoint(path, variables(shape))
    write_checkpoint(path, {"model/0/kernel": VALUES["model/0/kernel"]}, STATE)
    with pytest.raises(SqnxtError, match="holds 1 variables instead of 2"):
        read_checkpoint(path, variables())


def test_an_array_larger_than_its_variable_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.npz"
    write_checkpoint(path, {**VALUES, "model/0/kernel": np.zeros(100_000, np.float32)}, STATE)
    with pytest.raises(SqnxtError, match="a variable has another size"):
        read_checkpoint(path, variables())
