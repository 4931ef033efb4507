"""Write the folder of a project for TensorFlow Lite Micro."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from sqnxt_export import whole_file
from sqnxt_tf.microcontroller.bundled_image import MicroTestImage
from sqnxt_tf.microcontroller.generated import generated_files
from sqnxt_tf.microcontroller.limits import MicroFit
from sqnxt_tf.microcontroller.micro_model import MicroModel


@dataclass(frozen=True, slots=True, kw_only=True)
class MicroProject:
    """A project that was written, and what its model needs.

    Attributes:
        folder: The folder; None where the model does not fit, so that none was written.
        files: Names of the files in it.
        model: The model.
        image: The test image; None where no folder was written.
        fit: Whether the model fits into the device, and what would.
    """

    folder: Path | None
    files: tuple[str, ...]
    model: MicroModel
    image: MicroTestImage | None
    fit: MicroFit

    @property
    def notes(self) -> list[str]:
        """What was assumed, and what the figures leave out."""
        image = [self.image.note] if self.image is not None and self.image.note else []
        return [*self.model.notes, *image]

    def to_json(self) -> dict[str, Any]:
        """Return the `micro` document."""
        model, image = self.model, self.image
        return {
            "path": str(model.path),
            "output": None if self.folder is None else str(self.folder),
            "files": list(self.files),
            **model.memory.to_json(),
            "flash_bytes": model.flash_bytes,
            "resolver": list(model.methods),
            "input_type": model.input_type,
            "output_type": model.output_type,
            "test_image": image
            and {"source": image.source, "class": image.answer, "label": model.labels[image.answer]},
            "fits": self.fit.fits,
            "alternatives": [alternative.to_json() for alternative in self.fit.alternatives],
        }


def write_project(model: MicroModel, image: MicroTestImage, folder: Path) -> tuple[str, ...]:
    """Write the files of a project, each whole or not at all, and return their names; others in the folder stay.

    Raises:
        ExportError: A file cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    same = files("sqnxt_tf.microcontroller") / "project"
    texts = {item.name: item.read_text(encoding="utf-8") for item in same.iterdir() if item.is_file()}
    texts |= generated_files(model, image)
    for name, text in texts.items():
        with whole_file(folder / name, force=True) as temporary:
            temporary.write_text(text, encoding="utf-8")
    return tuple(sorted(texts))
