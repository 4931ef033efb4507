"""The data that a model was trained on, as its file names them."""

from __future__ import annotations

from pathlib import Path

from sqnxt_export import Metadata
from sqnxt_tf.data.data_source import DataKind, DataSource
from sqnxt_tf.data.folders import is_folder
from sqnxt_tf.errors import SqnxtError

_DIGITS = DataSource(DataKind.DIGITS, DataKind.DIGITS)


def recorded_data(model: str | Path, metadata: Metadata | None) -> DataSource | None:
    """Return the data that a model's file says it was trained on; None where it does not say so.

    A model that `train` made names them as its user did; a folder may be relative to the working directory.

    Args:
        model: The model's file, for messages.
        metadata: What the file says of itself.

    Raises:
        SqnxtError: The file names a folder that is not there.
    """
    if metadata is None:
        return None
    settings = metadata.extra.get("settings")
    name = settings.get("data") if isinstance(settings, dict) else None
    if not isinstance(name, str) or not name:
        name = metadata.data if metadata.data.partition("/")[0] == DataKind.DIGITS else ""
    if name.partition("/")[0] == DataKind.DIGITS:
        return _DIGITS
    if not name:
        return None
    found = DataSource.parse(name)
    if found.kind in (DataKind.IMAGES, DataKind.TFRECORDS) and not is_folder(Path(name)):
        raise SqnxtError(model, f"was trained on {name}, which is not there", "give `data` its own data")
    return found


def own_data(model: str | Path, metadata: Metadata | None, given: DataSource | None) -> DataSource:
    """Return the data that the caller gave, or those that the model's file says it was trained on.

    Fine-tuning on other images than a model's own would ruin it, so nothing is assumed.

    Args:
        model: The model's file, for messages.
        metadata: What the file says of itself.
        given: What the caller gave.

    Raises:
        SqnxtError: Nothing was given, and the file names data that are not there, or none that can be found.
    """
    if given is not None:
        return given
    if recorded := recorded_data(model, metadata):
        return recorded
    if metadata and metadata.data:
        raise SqnxtError(model, f"was trained on {metadata.data}, not on the digits", "give `data` its own data")
    raise SqnxtError(model, "does not say what it was trained on", "give `data` its own data")


def own_data_or_digits(model: str | Path, metadata: Metadata | None, given: DataSource | None) -> DataSource:
    """Return the data that the caller gave, those that the model's file names, or the digits where it names none.

    Raises:
        SqnxtError: Nothing was given, and the file names a folder that is not there.
    """
    return given or recorded_data(model, metadata) or _DIGITS
