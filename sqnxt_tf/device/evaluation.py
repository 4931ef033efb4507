"""The accuracy of a model or an artifact, in its own runtime."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from sqnxt_tf.accuracy import Evaluation, count_answers
from sqnxt_tf.data.images import ImageSet
from sqnxt_tf.data.unreadable import UnreadableImages
from sqnxt_tf.errors import SqnxtError
from sqnxt_tf.progress import Progress, silent

BATCH = 32  # images decoded at a time


def evaluate(
    path: str | Path, data: ImageSet, *, threads: int | None = None, progress: Progress = silent
) -> Evaluation:
    """Run the model or artifact at `path` on every image of `data`, and count its correct answers.

    Preprocessing and labels come from the file's own metadata. Images that cannot be read are left out and logged.

    Raises:
        SqnxtError: The file has no metadata on preprocessing, its classes are not those of the data, or more images
            than `UnreadableImages` allows cannot be read.
        ExportError: The file cannot be read, or its runtime is not installed.
    """
    from sqnxt_export import open_model, read_metadata

    path = Path(path)
    runner = open_model(path, threads=threads)
    metadata = read_metadata(path)
    if metadata is None or metadata.preprocessing is None:
        raise SqnxtError(path, "has no metadata on preprocessing", "give a file that `train` or `export` wrote")
    _check_classes(path, metadata.labels, data)
    logits, shown, faults = [], [], UnreadableImages()
    for start in range(0, len(data), BATCH):
        indices, images = data.readable(start, start + BATCH, faults.add)
        faults.check()
        if indices:
            logits.append(runner.run(metadata.preprocessing.apply(images)))
            shown += indices
        progress(f"evaluating {path.name}", min(start + BATCH, len(data)), len(data))
    if not shown:
        raise SqnxtError(data.name, "has no image that can be read", "run `check_data`, which names the fault of each")
    if not faults.found:
        return count_answers(path, data, np.concatenate(logits))
    rest = replace(data, labels=data.labels[shown])
    result = count_answers(path, rest, np.concatenate(logits))
    return replace(result, left_out=tuple(sorted(faults.found)), shown=np.array(shown, np.int64))


def _check_classes(path: Path, labels: Sequence[str], data: ImageSet) -> None:
    if labels and tuple(labels) != data.class_names:
        theirs, ours = (", ".join(names[:3]) + ", ..." * (len(names) > 3) for names in (labels, data.class_names))
        raise SqnxtError(
            path,
            f"has {len(labels)} classes ({theirs}), and {data.name} has {len(data.class_names)} ({ours})",
            "give the data that it was trained for",
        )
