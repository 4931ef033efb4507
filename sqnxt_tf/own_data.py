"""The data that a model was trained on, which fine-tuning must not guess."""

from __future__ import annotations

from pathlib import Path

from sqnxt_export import Metadata
from sqnxt_tf.data.data_source import DataSource
from sqnxt_tf.errors import SqnxtError


def own_data(model: str | Path, metadata: Metadata | None, given: DataSource | None) -> DataSource:
    """Return the data that the caller gave, or the digits if the model's file says that it was trained on them.

    Fine-tuning on other images than a model's own would ruin it, so nothing is assumed.

    Args:
        model: The model's file, for messages.
        metadata: What the file says of itself.
        given: What the caller gave.

    Raises:
        SqnxtError: Nothing was given, and the file names other data or none.
    """
    if given is not None:
        return given
    trained_on = metadata.data if metadata else ""
    if trained_on.partition("/")[0] == "digits":
        return DataSource.parse("digits")
    if trained_on:
        raise SqnxtError(model, f"was trained on {trained_on}, not on the digits", "give `data` its own data")
    raise SqnxtError(model, "does not say what it was trained on", "give `data` its own data")
