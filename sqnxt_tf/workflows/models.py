"""Where a model comes from: a `.keras` file, or a network's name with random weights."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sqnxt_export import Metadata, Preprocessing, load_keras, read_metadata
from sqnxt_export.artifact.files import existing_file

from ..data import ImageSet
from ..data.images import Labelled
from ..data.pipeline import Arrays
from ..errors import SqnxtError
from ..networks.registry import find_network, is_network

DIGITS_SIZE = 64  # pixels: the 8x8 digits, scaled up until every network's strides leave something to see
LARGEST_ARRAY = 4_000_000_000  # bytes
DECODED_AT_ONCE = 64  # images, at whatever size they have on disk
TRAINING_ADVICE = "building, training, pruning and exporting models need TensorFlow: pip install 'sqnxt-tf[train]'"


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A Keras model and what is known of it. `trained` tells a model file from random weights."""

    model: Any
    name: str
    metadata: Metadata
    trained: bool

    @property
    def preprocessing(self) -> Preprocessing:
        """How images become the model's input; the paper's way where the file does not say."""
        if self.metadata.preprocessing is not None:
            return self.metadata.preprocessing
        shape = self.model.input_shape
        if len(shape) != 4 or None in shape[1:]:
            raise SqnxtError(f"{self.name}: takes {shape[1:]}; give a model of one image of fixed size")
        _, height, width, channels = shape
        if channels != 3:
            return Preprocessing.plain(height, width, channels)
        return Preprocessing.imagenet(height, width)


def open_source(
    model: str,
    *,
    classes: int | None = None,
    input_size: int | tuple[int, int] | None = None,
    seed: int | None = None,
) -> Source:
    """The model that `model` names: a `.keras` file, or a network with seeded random weights.

    Raises:
        SqnxtError: neither a file nor a network; or a file together with options that only a network takes.
        ExportError: the file cannot be read safely.
    """
    require_tensorflow()
    path = Path(model)
    if path.suffix == ".keras" or (path.exists() and not is_network(model)):
        if any(option is not None for option in (classes, input_size, seed)):
            raise SqnxtError(f"{path}: is a trained model; --classes, --input-size and --seed go with a network's name")
        loaded = load_keras(path)
        metadata = read_metadata(path) or Metadata()
        return Source(model=loaded, name=str(path), metadata=metadata, trained=True)
    if not is_network(model) and ("/" in model or path.suffix):
        raise SqnxtError(f"{model}: no such file; give a .keras file or a network's name (`sqnxt-tf list`)")
    from ..networks.keras_ops import build

    network = find_network(model)
    classes = 1000 if classes is None else classes
    built = build(network.name, classes=classes, input_size=input_size, seed=seed or 0)
    height, width = built.input_shape[1:3]
    metadata = Metadata(
        network=network.name,
        labels=tuple(str(index) for index in range(classes)),
        preprocessing=Preprocessing.imagenet(height, width),
        input_size=(height, width),
    )
    return Source(model=built, name=network.name, metadata=metadata, trained=False)


def check_trained(model: str | Path) -> Path:
    """The path of a model file, where a network with random weights would make no sense; touches no TensorFlow.

    Raises:
        SqnxtError, ExportError: a network's name, or no such file.
    """
    if is_network(str(model)):
        raise SqnxtError(f"{model}: names a network, not a trained model; train it first with `sqnxt-tf train`")
    return existing_file(model)


def open_trained(model: str | Path, data: Labelled) -> Source:
    """The model of a file, whose classes are those of the data.

    Raises:
        SqnxtError, ExportError: it cannot be read, or it tells other classes apart.
    """
    source = open_source(str(check_trained(model)))
    if source.metadata.labels and source.metadata.labels != data.class_names:
        raise SqnxtError(f"{model}: was trained for other classes than those of {data.name}; give --data its own data")
    if source.model.output_shape != (None, len(data.class_names)):
        raise SqnxtError(
            f"{model}: answers with {source.model.output_shape}, and {data.name} has {len(data.class_names)} classes; "
            "give --data its own data"
        )
    return source


def require_tensorflow() -> None:
    """Say which extra to install where the Keras side is missing."""
    from importlib.util import find_spec

    if any(find_spec(name) is None for name in ("tensorflow", "tf_keras", "tensorflow_model_optimization")):
        raise SqnxtError(TRAINING_ADVICE)


def default_preprocessing(data: str, network: str, input_size: int | tuple[int, int] | None) -> Preprocessing:
    """What suits the data: digits are stretched to a small square, photographs are cropped as in the paper."""
    size = input_size or (DIGITS_SIZE if data == "digits" else find_network(network).input_size)
    height, width = (size, size) if isinstance(size, int) else size
    make = Preprocessing.plain if data == "digits" else Preprocessing.imagenet
    return make(height, width)


def to_arrays(data: ImageSet, preprocessing: Preprocessing) -> Arrays:
    """A whole set, preprocessed, in memory.

    Raises:
        SqnxtError: it would take more than `LARGEST_ARRAY` bytes.
    """
    size = 4 * len(data) * preprocessing.height * preprocessing.width * preprocessing.channels
    if size > LARGEST_ARRAY:
        limit = LARGEST_ARRAY / 1e9
        raise SqnxtError(
            f"{data.name}: {len(data)} images take {size / 1e9:.1f} GB at this input size, and {limit:.0f} GB "
            "is the most that is held in memory; use fewer images or a smaller --input-size"
        )
    shape = (preprocessing.height, preprocessing.width, preprocessing.channels)
    images = np.empty((len(data), *shape), np.float32)
    for start in range(0, len(data), DECODED_AT_ONCE):
        images[start : start + DECODED_AT_ONCE] = preprocessing.apply(data.batch(start, start + DECODED_AT_ONCE))
    return Arrays(images, data.labels)


def spread_arrays(
    data: ImageSet, preprocessing: Preprocessing, count: int, *, among: NDArray[np.int64] | None = None
) -> Arrays:
    """`count` images at even distances, so that every class of a sorted set has its share, preprocessed.

    `among` are the indices that may be taken; all where it is not given.
    """
    indices = np.arange(len(data)) if among is None else among
    chosen = indices[np.unique(np.linspace(0, len(indices) - 1, min(count, len(indices))).astype(np.int64))]
    images = preprocessing.apply([data.image(int(index)) for index in chosen])
    return Arrays(images, data.labels[chosen])
