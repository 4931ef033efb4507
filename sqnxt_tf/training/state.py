"""A checkpoint: all that a run needs to go on as if it had never stopped, in one file, whole or not there at all.

Variables of the model and of the optimizer (momentum, schedule, moving average, loss scale), the step, from which data
and random layers take up where they were, and what the history of the run holds so far.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sqnxt_tf.data.batches import Batches
from sqnxt_tf.errors import SqnxtError
from sqnxt_tf.training.run_folder import History, synchronize_folder, synchronized
from sqnxt_tf.training.stepping import Figures

_LARGEST_STORY = 1 << 28  # bytes of JSON
_HEADER = 1 << 12  # bytes that NumPy puts before an array, and more


@dataclass(slots=True)
class Story:
    """What a run tells of itself beside its variables: steps done, the figures of this epoch, those of earlier ones.

    `workers` shared the data; 0 where an earlier version did not say.
    """

    step: int = 0
    epoch: Figures = field(default_factory=Figures)
    seconds: float = 0.0
    history: History = field(default_factory=list)
    workers: int = 0

    def take_over(self, workers: int, batches: Batches, batch: int, folder: Path) -> None:
        """Go on with that many workers.

        Raises:
            SqnxtError: In the middle of an epoch, where others would see some of its images twice and others never.
        """
        before, in_epoch = self.workers, self.step % batches.steps_per_epoch(batch)
        if before not in (0, workers) and in_epoch and not batches.same_for_any_workers:
            raise SqnxtError(
                folder,
                f"was saved by {before} workers in the middle of an epoch, each with files of its own, and "
                f"now they are {workers}",
                f"go on with {before} to the end of an epoch, or use --force to start afresh",
            )
        self.workers = workers


def named_variables(model: Any, optimizer: Any) -> dict[str, Any]:
    """Every variable of a run by a name of its own; the same names for the same model and recipe."""
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
    """The scale and its count of good steps, which Keras leaves out of the optimizer's variables."""
    state = getattr(optimizer, "_loss_scale", None)
    return [] if state is None else [state.current_loss_scale, state.counter]


def read_values(variables: Mapping[str, Any]) -> dict[str, NDArray[Any]]:
    """The values of variables. Every worker must call it: batch-norm statistics are gathered from all of them."""
    return {name: np.asarray(variable.numpy()) for name, variable in variables.items()}


def write_checkpoint(path: Path, values: Mapping[str, NDArray[Any]], story: Story) -> None:
    """Replace the checkpoint; whatever happens, the one before or this one is there.

    Raises:
        SqnxtError: It cannot be written, as on a full disk; the one before is still there.
    """
    part = path.with_name(f".{path.name}.part")
    text = json.dumps(asdict(story)).encode()
    arrays: dict[str, Any] = {f"{place:05d}": value for place, value in enumerate(values.values())}
    try:
        with part.open("wb") as file:
            np.savez(file, story=np.frombuffer(text, np.uint8), **arrays)
            synchronized(file)
        part.replace(path)
        synchronize_folder(path.parent)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise SqnxtError(
            path,
            f"the checkpoint of step {story.step} cannot be written ({error.strerror or error})",
            "free some space, then the same command again goes on from the one before",
        ) from None


def read_checkpoint(path: Path, variables: Mapping[str, Any]) -> Story | None:
    """Give the variables their values from a checkpoint; None where there is none.

    Raises:
        SqnxtError: It is damaged, or of another model or version.
    """
    if not path.exists():
        return None
    try:
        shapes = [(tuple(variable.shape), variable.dtype.as_numpy_dtype) for variable in variables.values()]
        story, values = _read(path, shapes)
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
        reason = " ".join(str(error).split())[:120] or type(error).__name__
        raise SqnxtError(path, f"is damaged, or of another version ({reason})", "use --force to start afresh") from None
    for variable, value in zip(variables.values(), values, strict=True):
        variable.assign(value)
    return story


def _read(path: Path, shapes: Sequence[tuple[tuple[int, ...], Any]]) -> tuple[Story, list[NDArray[Any]]]:
    """Everything in the file, looked at before memory is taken for it."""
    expected = {f"{place:05d}.npy": np.dtype(kind).itemsize * int(np.prod(shape)) + _HEADER
                for place, (shape, kind) in enumerate(shapes)}  # fmt: skip
    with zipfile.ZipFile(path) as archive:
        sizes = {entry.filename: entry.file_size for entry in archive.infolist()}
    if sizes.keys() != {*expected, "story.npy"}:
        raise ValueError(f"it holds {len(sizes) - 1} variables and not {len(shapes)}")
    if sizes["story.npy"] > _LARGEST_STORY or any(sizes[name] > size for name, size in expected.items()):
        raise ValueError("a variable has another size")
    with np.load(path, allow_pickle=False) as arrays:
        story = json.loads(arrays["story"].tobytes())
        values = [arrays[name.removesuffix(".npy")] for name in expected]
    for value, (shape, kind) in zip(values, shapes, strict=True):
        if value.shape != shape or value.dtype != np.dtype(kind):
            raise ValueError(f"a variable is {value.dtype} {value.shape} and not {np.dtype(kind)} {shape}")
    return Story(**{**story, "epoch": Figures(**story["epoch"])}), values
