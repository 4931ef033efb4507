"""Trained models that a training run starts from: those whose weights it takes, and those that teach it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqnxt_export import Preprocessing, load_keras, read_metadata
from sqnxt_tf.data.images import Labelled
from sqnxt_tf.errors import SqnxtError
from sqnxt_tf.networks.registry import find_network
from sqnxt_tf.sources import ModelSource, check_trained, open_trained, require_tensorflow


@dataclass(frozen=True, slots=True)
class StartingWeights:
    """A trained model whose weights a new one begins with; TensorFlow is not loaded before `read`."""

    path: Path

    @classmethod
    def of(cls, path: str | Path | None) -> StartingWeights | None:
        """Return the weights of a file; None if `path` is None.

        Raises:
            SqnxtError, ExportError: There is no such file.
        """
        return None if path is None else cls(check_trained(path))

    def network(self, wanted: str | None) -> str:
        """Return the network to train: the model's own, which `wanted` may repeat.

        Raises:
            SqnxtError: The model does not say which network it is, or is another one.
        """
        metadata = read_metadata(self.path)
        own = metadata.network if metadata else ""
        if not own and wanted is None:
            raise SqnxtError(self.path, "does not say which network it is", "give `network`")
        if own and wanted is not None and find_network(wanted).name != own:
            raise SqnxtError(self.path, f"is a {own}, and `network` is {wanted}", "leave out one of the two")
        return own or str(wanted)

    def preprocessing(self) -> Preprocessing | None:
        """Return how the model's images were preprocessed, if it says so."""
        metadata = read_metadata(self.path)
        return metadata.preprocessing if metadata else None

    def read(self) -> dict[str, list[Any]]:
        """Return the weights layer by layer; call it outside any strategy's scope."""
        require_tensorflow()
        return {layer.name: layer.get_weights() for layer in load_keras(self.path).layers}


def open_teacher(path: str | Path | None, data: Labelled, preprocessing: Preprocessing) -> ModelSource | None:
    """Open a teacher with the same classes and preprocessing as the data; return None if `path` is None.

    Raises:
        SqnxtError, ExportError: The teacher cannot be read, or it has other classes or preprocessing.
    """
    if path is None:
        return None
    teacher = open_trained(path, data)
    if teacher.preprocessing != preprocessing:
        raise SqnxtError(
            path,
            f"takes {teacher.preprocessing.height}x{teacher.preprocessing.width} images prepared in its own "
            "way, and the network that is trained others",
            "give a teacher of the same `input_size` and data",
        )
    return teacher
