"""The metadata of an artifact, and their strict reader."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sqnxt_base.json_text import kind_of, parse_json_object
from sqnxt_base.user_files import UnreadableTextError
from sqnxt_export.artifact.preprocessing import Preprocessing
from sqnxt_export.errors import ExportError, one_line

_FORMAT_VERSION = 1
MEMBER = "sqnxt.json"
"""Name of the zip member (.keras, .tflite) or of the metadata property (.onnx) that holds the JSON text."""
EMBEDDED = "embedded_preprocessing"
"""Key of `extra` under which an artifact that takes raw pixels records the arithmetic inside its graph."""
PARITY = "parity"
"""Key of `extra` under which an artifact records the comparison with its model."""
LICENCE = "licence"
"""Key of `extra` under which a file names its licence."""
ACCURACY_IMAGES = "accuracy_images"
"""Key of `extra` under which a file says on how many images its accuracy was measured."""
MAX_BYTES = 4 << 20
_MAX_LABELS = 100_000
_MAX_TEXT = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Metadata:
    """Everything that a device needs to use an artifact, and the artifact's origin. Unknown values are None or empty.

    Attributes:
        network: Name of the network.
        labels: Name of each class.
        preprocessing: From an image to the artifact's input.
        input_size: Height and width in pixels.
        precision: Precision of the artifact.
        nonzero_fraction: Fraction of the weights that are not zero.
        source_hash: SHA-256 of the model file that the artifact was made from.
        versions: Library -> version.
        accuracy: Top-1 accuracy on `data`, a fraction.
        data: Name of the data that the accuracy was measured on.
        extra: Any further JSON.
        format_version: Version of this record.
    """

    network: str = ""
    labels: tuple[str, ...] = ()
    preprocessing: Preprocessing | None = None
    input_size: tuple[int, int] | None = None
    precision: str = "float32"
    nonzero_fraction: float | None = None
    source_hash: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)
    accuracy: float | None = None
    data: str = ""
    extra: Mapping[str, Any] = field(default_factory=dict)
    format_version: int = _FORMAT_VERSION

    def __post_init__(self) -> None:
        _check_texts(self)
        if self.format_version != _FORMAT_VERSION or type(self.format_version) is not int:
            raise _invalid(
                "format_version", repr(self.format_version), f"this release reads {_FORMAT_VERSION}: upgrade"
            )
        for name in ("nonzero_fraction", "accuracy"):
            value = getattr(self, name)
            if value is not None and not (type(value) in (int, float) and 0 <= value <= 1):
                raise _invalid(name, repr(value), "it must be a fraction of 0 to 1")
        if self.input_size is not None and not (
            len(self.input_size) == 2 and all(type(side) is int and 0 < side < 1 << 16 for side in self.input_size)
        ):
            raise _invalid("input_size", repr(self.input_size), "it must be a height and a width")

    def whole_preprocessing(self) -> Preprocessing | None:
        """Return the preprocessing, together with the arithmetic inside a file that takes raw pixels.

        Raises:
            ExportError: `extra` does not describe the arithmetic as an export would.
        """
        if self.preprocessing is None or EMBEDDED not in self.extra:
            return self.preprocessing
        inside = self.extra[EMBEDDED]
        if not isinstance(inside, Mapping):
            raise _invalid(f"extra.{EMBEDDED}", f"a {type(inside).__name__}", "it must be an object")
        return Preprocessing.from_dict({**self.preprocessing.to_dict(), **inside})

    def to_json(self) -> str:
        """Return one JSON object with sorted keys.

        Raises:
            ExportError: `extra` holds something that is not JSON, or the text is larger than 4 MiB.
        """
        values = {name: getattr(self, name) for name in self.__dataclass_fields__}
        values["preprocessing"] = self.preprocessing.to_dict() if self.preprocessing else None
        values["versions"], values["extra"] = dict(self.versions), dict(self.extra)
        try:
            text = json.dumps(values, sort_keys=True, ensure_ascii=False, allow_nan=False)
            if not text.isascii():
                text = _encodable(text)
        except (TypeError, ValueError, RecursionError) as error:
            raise ExportError("metadata", f"not JSON ({one_line(error)})", "use JSON types only in `extra`") from error
        if len(text.encode()) > MAX_BYTES:
            raise ExportError("metadata", f"more than {MAX_BYTES} bytes", "shorten labels or `extra`")
        return text

    @classmethod
    def from_json(cls, text: str | bytes) -> Metadata:
        """Read the text that `to_json` returns, which may come from anyone.

        Raises:
            ExportError: The text is not JSON or too large, or a field is missing, unknown, of another type or out of
                range.
        """
        if len(text) > MAX_BYTES:
            raise ExportError("metadata", f"more than {MAX_BYTES} bytes", "write the metadata again")
        try:
            values = parse_json_object(text)
        except UnreadableTextError as error:
            raise ExportError("metadata", f"not JSON ({one_line(error)})", "write the metadata again") from error
        if set(values) != set(cls.__dataclass_fields__):
            raise ExportError("metadata", "missing or unknown fields", "write the metadata again")
        for name, kind in (("labels", list), ("versions", dict), ("extra", dict)):
            if not isinstance(values[name], kind):
                raise _invalid(name, f"a {type(values[name]).__name__}", f"it must be a {kind.__name__}")
        if values["input_size"] is not None:
            values["input_size"] = tuple(_list(values, "input_size"))
        if values["preprocessing"] is not None:
            if not isinstance(values["preprocessing"], dict):
                raise _invalid("preprocessing", "no object", "write the metadata again")
            values["preprocessing"] = Preprocessing.from_dict(values["preprocessing"])
        values["labels"] = tuple(values["labels"])
        return cls(**values)


def _check_texts(metadata: Metadata) -> None:
    texts = {name: getattr(metadata, name) for name in ("network", "precision", "source_hash", "data")}
    for name, value in texts.items():
        if not isinstance(value, str) or len(value) > _MAX_TEXT:
            raise _invalid(name, f"a {type(value).__name__}", f"it must be text of at most {_MAX_TEXT} characters")
    if len(metadata.labels) > _MAX_LABELS:
        raise _invalid("labels", f"a list of {len(metadata.labels)}", f"at most {_MAX_LABELS} are allowed")
    for name, values in (("labels", metadata.labels), ("versions", [*metadata.versions, *metadata.versions.values()])):
        if not all(isinstance(value, str) and len(value) <= _MAX_TEXT for value in values):
            raise _invalid(name, f"not all text of at most {_MAX_TEXT} characters", "use strings")


def _encodable(text: str) -> str:
    """Return JSON that UTF-8 can encode: names of classes may come from folders whose names are not UTF-8."""
    return "".join(f"\\u{ord(one):04x}" if "\ud800" <= one <= "\udfff" else one for one in text)


def _invalid(name: str, fault: str, remedy: str) -> ExportError:
    return ExportError("metadata", f"{name} is {fault}", remedy)


def _list(values: dict[str, Any], name: str) -> list[Any]:
    if not isinstance(values[name], list):
        raise _invalid(name, kind_of(values[name]), "it must be a list")
    result: list[Any] = values[name]
    return result
