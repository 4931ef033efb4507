"""The accuracy of a model or an artifact, in its own runtime."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sqnxt_tf.accuracy import Evaluation, count_answers
from sqnxt_tf.class_outputs import class_output
from sqnxt_tf.data.arrays import check_any_readable
from sqnxt_tf.data.images import ImageSet
from sqnxt_tf.data.unreadable import LIMIT, UnreadableImages
from sqnxt_tf.errors import SqnxtError
from sqnxt_tf.image_input import read_known, resolve_runner
from sqnxt_tf.progress import Progress, silent

BATCH = 32  # images decoded at a time


def evaluate(
    path: str | Path,
    data: ImageSet,
    *,
    threads: int | None = None,
    preprocessing: str | None = None,
    labels: str | Path | None = None,
    max_unreadable: int = LIMIT,
    progress: Progress = silent,
) -> Evaluation:
    """Run the model or artifact at `path` on every image of `data`, and count its correct answers.

    Preprocessing and labels come from the file's own metadata. Images that cannot be read are left out and logged.

    Args:
        path: The file; one of another maker too.
        data: Images with their classes.
        threads: Threads of the runtime.
        preprocessing: How images are prepared: imagenet, plain, 0..1, -1..1, 0..255 or a TOML file; the file's own if
            None.
        labels: A file with one label a line, whose classes may stand in another order than those of the data. Without
            any labels, the outputs are the numbers of the data's classes.
        max_unreadable: The work ends when more images than this cannot be read.
        progress: Called as the work goes on.

    Raises:
        SqnxtError: Nothing says how images are prepared, the file's classes are not those of the data, or more images
            than allowed cannot be read.
        ExportError: The file cannot be read, or its runtime is not installed.
    """
    from sqnxt_export import open_model

    path = Path(path)
    runner = open_model(path, threads=threads)
    metadata = read_known(path, runner.input_shape, Path(labels) if labels else None)
    chosen = resolve_runner(runner, metadata, preprocessing)
    if chosen.is_assumed:
        raise SqnxtError(path, "has no metadata on preprocessing", "give `preprocessing`")
    place = class_output(runner, metadata)
    order = _class_order(path, metadata.labels, data, exact=bool(metadata.precision) and labels is None)
    logits, shown, faults = [], [], UnreadableImages(limit=max_unreadable)
    for start in range(0, len(data), BATCH):
        indices, images = data.readable(range(start, min(start + BATCH, len(data))), faults.add)
        faults.check()
        if indices:
            scores = runner.run_all(chosen.preprocessing.apply(images))[place].reshape(len(images), -1)
            _check_count(path, scores.shape[1], metadata.labels, data)
            logits.append(scores[:, order] if order is not None else scores)
            shown += indices
        progress(f"evaluating {path.name}", min(start + BATCH, len(data)), len(data))
    check_any_readable(data, shown)
    if not faults.found:
        return count_answers(path, data, np.concatenate(logits))
    rest = replace(data, labels=data.labels[shown])
    result = count_answers(path, rest, np.concatenate(logits))
    return replace(result, left_out=tuple(sorted(faults.found)), shown=np.array(shown, np.int64))


def _class_order(path: Path, labels: Sequence[str], data: ImageSet, *, exact: bool) -> NDArray[np.int64] | None:
    """Return where each class of the data stands among the file's classes; None if they stand alike.

    Args:
        path: The file.
        labels: Its classes.
        data: The images.
        exact: Whether the file must have the very classes of the data, since it was trained for some data of ours.

    Raises:
        SqnxtError: The file lacks a class of the data.
    """
    if not labels or tuple(labels) == data.class_names:
        return None
    if exact or not set(data.class_names) <= set(labels):
        theirs, ours = (", ".join(names[:3]) + ", ..." * (len(names) > 3) for names in (labels, data.class_names))
        raise SqnxtError(
            path,
            f"has {len(labels)} classes ({theirs}), and {data.name} has {len(data.class_names)} ({ours})",
            "give the data that it was trained for",
        )
    places = {name: place for place, name in enumerate(labels)}
    own = [places[name] for name in data.class_names]
    others = [place for place in range(len(labels)) if place not in set(own)]
    return np.array(own + others, np.int64)


def _check_count(path: Path, scores: int, labels: Sequence[str], data: ImageSet) -> None:
    """Refuse a file whose outputs cannot be the classes that it names or, if it names none, those of the data."""
    wanted = len(labels) or len(data.class_names)
    if scores != wanted:
        raise SqnxtError(
            path, f"returns {scores} scores, and there are {wanted} classes", "give `labels` for each score"
        )
