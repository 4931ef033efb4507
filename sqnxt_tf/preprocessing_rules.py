"""What a user says of a model's images: a named preprocessing or a TOML file, and a file of labels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sqnxt_base.json_text import parse_json
from sqnxt_base.toml_text import parse_toml
from sqnxt_base.user_files import UnreadableTextError, lines_of, read_bytes, read_text, reason_of
from sqnxt_export import Preprocessing
from sqnxt_tf.errors import SqnxtError

RULES = ("imagenet", "plain", "0..1", "-1..1", "0..255")
"""Names that `preprocessing` takes besides the path of a TOML file.

`imagenet` is the paper's: the centre is cropped, and ImageNet's mean is subtracted. The others stretch the image and
map its pixels to the range; `plain` is -1..1.
"""
_RANGES = {"plain": (-1.0, 1.0), "-1..1": (-1.0, 1.0), "0..1": (0.0, 1.0), "0..255": (0.0, 255.0)}
_KEYS = ("mean", "scale", "resize")
_MOST_BYTES = 4 << 20


def check_rule(text: str | None) -> None:
    """Refuse what `preprocessing_from` would refuse for an image of any size, before any work is done.

    Raises:
        SqnxtError: It is neither a name nor a TOML file that holds a preprocessing.
    """
    if text is not None and text not in RULES:
        _from_file(Path(text), (1, 1, 3), any_channels=True)


def preprocessing_from(text: str, shape: tuple[int, int, int]) -> Preprocessing:
    """Return the preprocessing that a name or a TOML file describes, for an input of height, width and channels.

    Raises:
        SqnxtError, ExportError: It is neither, or it does not fit the input.
    """
    height, width, channels = shape
    if text == "imagenet":
        if channels != 3:
            remedy = 'use `preprocessing="plain"`'
            raise SqnxtError("preprocessing imagenet", f"is for 3 channels, not {channels}", remedy)
        return Preprocessing.imagenet(height, width)
    if text in _RANGES:
        return stretched(shape, *_RANGES[text])
    return _from_file(Path(text), shape)


def stretched(shape: tuple[int, int, int], low: float, high: float) -> Preprocessing:
    """Return the preprocessing that stretches images to the input and maps 0 to 255 to `low` to `high`."""
    height, width, channels = shape
    mean, scale = -low * 255 / (high - low), 255 / (high - low)
    return Preprocessing(
        height=height, width=width, channels=channels, resize="stretch", mean=(mean + 0.0,) * channels,
        scale=(scale,) * channels,
    )  # fmt: skip


def read_labels(path: Path) -> tuple[str, ...]:
    """Return the labels of a file: a line each, or a JSON list.

    Raises:
        SqnxtError: There is no such file, or it holds no labels.
    """
    try:
        text = read_text(path, _MOST_BYTES)
    except (OSError, ValueError) as error:
        raise SqnxtError(
            path, f"cannot be read as text ({reason_of(error)})", "give a file with one label a line"
        ) from error
    labels = _json_list(path, text) if path.suffix.lower() == ".json" else lines_of(text)
    if not labels:
        raise SqnxtError(path, "holds no labels", "give a file with one label a line")
    return tuple(labels)


def _json_list(path: Path, text: str) -> list[str]:
    try:
        values = parse_json(text, most_bytes=_MOST_BYTES)
    except UnreadableTextError as error:
        raise SqnxtError(path, f"is not JSON ({error})", "give a JSON list of strings, or one label a line") from error
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise SqnxtError(path, "is not a list of strings", "give a JSON list of strings, or one label a line")
    return values


def _from_file(path: Path, shape: tuple[int, int, int], *, any_channels: bool = False) -> Preprocessing:
    if path.suffix.lower() != ".toml":
        raise SqnxtError(
            f"preprocessing {str(path)!r}", "is not known", f"use one of {', '.join(RULES)} or a .toml file"
        )
    try:
        values = parse_toml(read_bytes(path, _MOST_BYTES))
    except (OSError, ValueError) as error:
        if not isinstance(error, UnreadableTextError):  # a NUL in a path is a ValueError
            raise SqnxtError(path, f"cannot be read ({reason_of(error)})", "check the path") from error
        raise SqnxtError(path, f"is not TOML ({error})", "write mean, scale and resize, as in `scale = 255`") from error
    if odd := [key for key in values if key not in _KEYS]:
        raise SqnxtError(path, f"has an unknown key {odd[0]!r}", f"use {', '.join(_KEYS)}")
    height, width, channels = shape
    numbers = {name: _numbers(path, name, values.get(name, default)) for name, default in (("mean", 0), ("scale", 1))}
    if any_channels:
        channels = max(map(len, numbers.values())) if max(map(len, numbers.values())) in (1, 3) else 3
    spread = {name: found * channels if len(found) == 1 else found for name, found in numbers.items()}
    return Preprocessing(
        height=height, width=width, channels=channels, resize=str(values.get("resize", "stretch")), **spread
    )


def _numbers(path: Path, name: str, value: Any) -> tuple[float, ...]:
    values = value if isinstance(value, list) else [value]
    if not values or not all(type(number) in (int, float) for number in values):
        raise SqnxtError(path, f"{name} is {value!r}", "give a number, or one per channel")
    return tuple(float(number) for number in values)
