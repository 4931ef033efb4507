"""How images become the input of a model: by its metadata, or by a default that is noted."""

from __future__ import annotations

from sqnxt_export import Metadata, Preprocessing, Runner
from sqnxt_tf.errors import SqnxtError


def choose_preprocessing(runner: Runner, metadata: Metadata, notes: list[str]) -> Preprocessing:
    """Return the preprocessing of the metadata. Without any, images are stretched, and floats are mapped to -1..1.

    Args:
        runner: The model.
        metadata: Its metadata.
        notes: Gets a note about the default, if it is used.

    Raises:
        SqnxtError: The metadata do not fit the input, or the input is neither a grey nor an RGB image.
    """
    height, width, channels = runner.input_shape
    given = metadata.preprocessing
    if given is not None:
        if (given.height, given.width, given.channels) != runner.input_shape:
            raise SqnxtError(
                runner.path,
                f"takes images of {height}x{width}x{channels}, and its metadata resize them to "
                f"{given.height}x{given.width}x{given.channels}",
                "export it again",
            )
        return given
    if channels not in (1, 3):
        raise SqnxtError(runner.path, f"takes images of {channels} channels", "give a network for grey or RGB images")
    plain = Preprocessing.plain(height, width, channels)
    how = "0 to 255" if runner.takes_pixels else "-1 to 1"
    notes.append(f"no metadata on preprocessing: images are stretched to {height}x{width}, values {how}")
    return plain.raw() if runner.takes_pixels else plain
