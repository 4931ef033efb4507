"""Models that help to train another one: weights to begin with, and a teacher's answers."""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from sqnxt_export import Preprocessing, read_metadata

from ..data.images import Labelled
from ..errors import SqnxtError
from ..networks.registry import find_network
from .models import Source, check_trained, open_source, open_trained


def file_identity(path: Path) -> str:
    """What tells a model file from another one in a run's settings."""
    return sha256(path.read_bytes()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Start:
    """A trained model whose weights a new one begins with; touches no TensorFlow until `read`."""

    path: Path

    @classmethod
    def of(cls, path: str | Path | None) -> "Start | None":
        """None where nothing is given.

        Raises:
            SqnxtError, ExportError: there is no such file.
        """
        return None if path is None else cls(check_trained(path))

    def network(self, wanted: str | None) -> str:
        """The network to train: that of the model, which `wanted` may repeat.

        Raises:
            SqnxtError: the model does not say, or says another.
        """
        metadata = read_metadata(self.path)
        own = metadata.network if metadata else ""
        if not own and wanted is None:
            raise SqnxtError(f"{self.path}: does not say which network it is; give --network")
        if own and wanted is not None and find_network(wanted).name != own:
            raise SqnxtError(f"{self.path}: is a {own}, and --network is {wanted}; leave out one of the two")
        return own or str(wanted)

    def preprocessing(self) -> Preprocessing | None:
        """How the model's images were prepared, where it says so."""
        metadata = read_metadata(self.path)
        return metadata.preprocessing if metadata else None

    def read(self) -> dict[str, list[Any]]:
        """Layer by layer the weights; read out of any strategy's scope."""
        source = open_source(str(self.path))
        return {layer.name: layer.get_weights() for layer in source.model.layers}


def adopt(model: Any, weights: Mapping[str, list[Any]], source: str) -> None:
    """Set the weights of the layers of the same names, the classifier's where it has the same classes.

    Raises:
        SqnxtError: a layer before the classifier has no counterpart of its shape.
    """
    weighted = [layer for layer in model.layers if layer.weights]
    for layer in weighted:
        given = weights.get(layer.name)
        if given is not None and [part.shape for part in given] == [tuple(part.shape) for part in layer.weights]:
            layer.set_weights(given)
        elif layer is not weighted[-1]:
            raise SqnxtError(
                f"{source}: has no weights for layer {layer.name} of {model.name}; give a model of the same network"
            )


def open_teacher(path: str | Path | None, data: Labelled, preprocessing: Preprocessing) -> Source | None:
    """A trained model that knows the same classes and sees the same images; None where nothing is given.

    Raises:
        SqnxtError, ExportError: it cannot be read, tells other classes apart, or takes other images.
    """
    if path is None:
        return None
    teacher = open_trained(path, data)
    if teacher.preprocessing != preprocessing:
        raise SqnxtError(
            f"{path}: takes {teacher.preprocessing.height}x{teacher.preprocessing.width} images prepared in its own "
            "way, and the network that is trained others; give a teacher of the same --input-size and data"
        )
    return teacher
