"""Checkpoints: everything that a run needs to be resumed without a difference, in one file that is always whole.

A checkpoint holds the variables of the model and of the optimizer (momentum, schedule, moving average, loss scale), the
step, which determines the position of the data and of random layers, and the history of the run so far.
"""

from __future__ import annotations

import json
import lzma
import tokenize
import warnings
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sqnxt_base.durable import replaced
from sqnxt_base.json_text import parse_json_object
from sqnxt_base.printable_text import one_line
from sqnxt_tf.data.batches import Batches
from sqnxt_tf.errors import SqnxtError
from sqnxt_tf.training.run_folder import History
from sqnxt_tf.training.stepping import MetricSums

_LARGEST_STATE = 1 << 28  # bytes of JSON
_HEADER = 1 << 12  # bytes: an upper bound of what NumPy writes before an array
_DAMAGE = (
    OSError, ValueError, KeyError, TypeError, EOFError,
    # What NumPy says of a header that is no literal, and zipfile of methods, sizes or passwords that are not so.
    SyntaxError, tokenize.TokenError, UserWarning, zipfile.BadZipFile, zlib.error, lzma.LZMAError, RuntimeError,
)  # fmt: skip


@dataclass(slots=True)
class RunState:
    """The state of a run besides its variables.

    `step` counts the steps that are done. `epoch` are the sums of the current epoch and `seconds` its time so far;
    `history` are the figures of earlier epochs. `best_epoch` is the epoch of the highest validation accuracy, 0 before
    the first. `workers` is the number of workers that read the data, or 0 where an
    earlier version did not save it.
    """

    step: int = 0
    epoch: MetricSums = field(default_factory=MetricSums)
    seconds: float = 0.0
    history: History = field(default_factory=list)
    workers: int = 0
    best_epoch: int = 0

    def note_best(self) -> bool:
        """Note whether the last epoch is the best so far, and return it: by accuracy, then by loss of validation."""

        def merit(epoch: int) -> tuple[float, float]:
            return self.history[epoch - 1]["val_accuracy"], -self.history[epoch - 1]["val_loss"]

        last = len(self.history)
        if is_best := not self.best_epoch or merit(last) > merit(self.best_epoch):
            self.best_epoch = last
        return is_best

    def is_stale(self, patience: int) -> bool:
        """Return whether the last `patience` epochs brought nothing better; False for a patience of 0."""
        return bool(patience) and len(self.history) - self.best_epoch >= patience

    def take_over(self, workers: int, batches: Batches, batch: int, folder: Path) -> None:
        """Continue the run with that many workers.

        Raises:
            SqnxtError: The number changes in the middle of an epoch, and the workers would then see some of its images
                twice and others never.
        """
        before, in_epoch = self.workers, self.step % batches.steps_per_epoch(batch)
        if before not in (0, workers) and in_epoch and not batches.same_for_any_workers:
            raise SqnxtError(
                folder,
                f"was saved by {before} workers in the middle of an epoch, each with files of its own, and "
                f"now there are {workers}",
                f"continue with {before} to the end of an epoch, or pass `force=True` to start afresh",
            )
        self.workers = workers


def named_variables(model: Any, optimizer: Any) -> dict[str, Any]:
    """Return every variable of a run under a unique name; the names depend on the model and the recipe alone."""
    variables = optimizer.variables
    owners = {
        "model": model.weights,
        "optimizer": variables() if callable(variables) else variables,
        "loss scale": _loss_scale(optimizer),
    }
    return {
        f"{owner}/{place}/{variable.name}": variable
        for owner, owned in owners.items()
        for place, variable in enumerate(owned)
    }


def _loss_scale(optimizer: Any) -> list[Any]:
    """Return the loss scale and its count of good steps, which the optimizer's `variables` lack in Keras."""
    state = getattr(optimizer, "_loss_scale", None)
    return [] if state is None else [state.current_loss_scale, state.counter]


def read_values(variables: Mapping[str, Any]) -> dict[str, NDArray[Any]]:
    """Return the values of variables. Every worker must call it: batch-norm statistics are gathered from all."""
    return {name: np.asarray(variable.numpy()) for name, variable in variables.items()}


def write_checkpoint(path: Path, values: Mapping[str, NDArray[Any]], state: RunState) -> None:
    """Replace the checkpoint; at any moment either the previous or the new one is there, whole.

    Raises:
        SqnxtError: It cannot be written, as on a full disk; the previous one is still there.
    """
    text = json.dumps(asdict(state)).encode()
    arrays: dict[str, Any] = {f"{place:05d}": value for place, value in enumerate(values.values())}
    try:
        with replaced(path) as part, part.open("wb") as file:
            np.savez(file, story=np.frombuffer(text, np.uint8), **arrays)
    except SqnxtError as error:
        raise SqnxtError(
            path,
            f"the checkpoint of step {state.step} {error.fault}",
            "free some space and run the same again: it resumes from the previous checkpoint",
        ) from None


def read_checkpoint(path: Path, variables: Mapping[str, Any]) -> RunState | None:
    """Assign the variables their values from a checkpoint, and return its state; return None where there is none.

    Raises:
        SqnxtError: The checkpoint is damaged, or of another model or version.
    """
    if not path.exists():
        return None
    try:
        shapes = [(tuple(variable.shape), variable.dtype.as_numpy_dtype) for variable in variables.values()]
        state, values = _read(path, shapes)
    except _DAMAGE as error:
        reason = one_line(error, 120)
        raise SqnxtError(
            path, f"is damaged, or of another version ({reason})", "pass `force=True` to start afresh"
        ) from None
    for variable, value in zip(variables.values(), values, strict=True):
        variable.assign(value)
    return state


def _read(path: Path, shapes: Sequence[tuple[tuple[int, ...], Any]]) -> tuple[RunState, list[NDArray[Any]]]:
    """Read the whole file; the sizes are checked before memory is allocated."""
    expected = {f"{place:05d}.npy": np.dtype(kind).itemsize * int(np.prod(shape)) + _HEADER
                for place, (shape, kind) in enumerate(shapes)}  # fmt: skip
    with zipfile.ZipFile(path) as archive:
        sizes = {entry.filename: entry.file_size for entry in archive.infolist()}
    if sizes.keys() != {*expected, "story.npy"}:
        raise ValueError(f"it holds {len(sizes) - 1} variables instead of {len(shapes)}")
    if sizes["story.npy"] > _LARGEST_STATE or any(sizes[name] > size for name, size in expected.items()):
        raise ValueError("a variable has another size")
    with warnings.catch_warnings(action="error"), np.load(path, allow_pickle=False) as arrays:
        story, *values = (arrays[name.removesuffix(".npy")] for name in ("story.npy", *expected))
    if not all(isinstance(value, np.ndarray) for value in (story, *values)):  # NumPy gives other members as bytes
        raise ValueError("a member is no array")
    for value, (shape, kind) in zip(values, shapes, strict=True):
        if value.shape != shape or value.dtype != np.dtype(kind):
            raise ValueError(f"a variable is {value.dtype} {value.shape} instead of {np.dtype(kind)} {shape}")
    told = parse_json_object(story.tobytes(), most_bytes=_LARGEST_STATE)
    return RunState(**{**told, "epoch": MetricSums(**told["epoch"])}), values
