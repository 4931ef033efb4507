"""Where a model comes from: a file or a folder, or a network's name with seeded random weights."""

from __future__ import annotations

from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

from sqnxt_base.opening import is_watched, opening
from sqnxt_base.user_files import read_whole
from sqnxt_export import Metadata, Preprocessing, load_keras, load_model, read_metadata
from sqnxt_export.artifact.files import existing_file
from sqnxt_export.artifact.saved_model_file import is_model
from sqnxt_export.runtimes.own_scaling import own_input_range
from sqnxt_export.runtimes.run_size import is_small_run
from sqnxt_export.runtimes.signatures import run_model, signature_of
from sqnxt_export.runtimes.tensors import seeded_noise
from sqnxt_tf.data.data_source import DataSource
from sqnxt_tf.data.images import Labelled
from sqnxt_tf.errors import SqnxtError
from sqnxt_tf.image_input import ImageInput, resolve_input
from sqnxt_tf.networks.registry import find_network, is_network
from sqnxt_tf.preprocessing_rules import read_labels

_DIGITS_SIZE = 64  # pixels: the 8x8 digits, scaled up until every network's strides leave something to see


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSource:
    """A Keras model and its metadata; `trained` is False for random weights.

    `given_preprocessing` is what the user says of its images: a name or a TOML file.
    """

    model: Any
    name: str
    metadata: Metadata
    trained: bool
    given_preprocessing: str | None = None

    @property
    def takes_image(self) -> bool:
        """Whether the model's only input may be an image, grey or RGB."""
        image = signature_of(self.model).image
        return image is not None and image.shape[-1] in (1, 3)

    @property
    def preprocessing(self) -> Preprocessing:
        """How images become the model's input; `image_input` tells who says so."""
        return self.image_input.preprocessing

    @property
    def image_input(self) -> ImageInput:
        """How images become the model's input, and who says so.

        Raises:
            SqnxtError: The model does not take one image of fixed size, or what is given does not fit.
        """
        inputs = signature_of(self.model).inputs
        shape = inputs[0].shape
        if len(inputs) != 1 or len(shape) != 3:
            taken = ", ".join(str(info.shape) for info in inputs)
            raise SqnxtError(self.name, f"takes {taken}", "give a model of one image of fixed size")
        return resolve_input(
            self.name, shape, self.metadata, given=self.given_preprocessing, own_range=own_input_range(self.model)
        )

    def known_input(self) -> Preprocessing:
        """Return how images become the model's input, for accuracies, which an assumption would falsify.

        Raises:
            SqnxtError: Nothing says how.
        """
        found = self.image_input
        if found.is_assumed:
            raise SqnxtError(self.name, "does not say how its images are prepared", "give `preprocessing`")
        return found.preprocessing


def open_any(
    model: str,
    *,
    signature: str | None = None,
    preprocessing: str | None = None,
    labels: Path | None = None,
    **network: Any,
) -> ModelSource:
    """Open a model of any kind to be exported: what `open_source` opens, an .h5 file, or a SavedModel folder.

    Args:
        model: A file, a folder, or a network's name.
        signature: Name of the function of a SavedModel folder; "serving_default", or the only one, if None.
        preprocessing: See `open_source`.
        labels: See `open_source`.
        network: Options of `open_source` for a network's name.

    Raises:
        SqnxtError, ExportError: See `open_source` and `sqnxt_export.load_model`.
    """
    path = Path(model)
    if is_network(model) or not (is_model(path) or path.exists()):
        if signature is not None:
            raise SqnxtError(model, "has no signatures", "leave `signature` out; SavedModel folders have them")
        return open_source(model, preprocessing=preprocessing, labels=labels, **network)
    require_tensorflow()
    if any(option is not None for option in network.values()):
        raise SqnxtError(path, "is a trained model", "`classes`, `input_size` and `seed` go with a network's name")
    loaded = load_model(path, signature=signature)
    metadata = (read_metadata(path) if path.suffix.lower() == ".keras" else None) or Metadata()
    metadata = metadata if labels is None else replace(metadata, labels=read_labels(labels))
    return ModelSource(model=loaded, name=str(path), metadata=metadata, trained=True, given_preprocessing=preprocessing)


def open_source(
    model: str,
    *,
    classes: int | None = None,
    input_size: int | tuple[int, int] | None = None,
    seed: int | None = None,
    preprocessing: str | None = None,
    labels: Path | None = None,
) -> ModelSource:
    """Open the model that `model` names: a `.keras` file, or a network with seeded random weights.

    The batch norm of random weights has the statistics of seeded noise, so that answers depend on the image.

    Args:
        model: A file or a network's name.
        classes: Units of the classifier, for a network's name.
        input_size: Side in pixels or (height, width), for a network's name.
        seed: Random seed of the weights, for a network's name.
        preprocessing: A name or a TOML file that says how images are prepared; the model says it itself if None.
        labels: A file with one label a line; the model's own labels if None.

    Raises:
        SqnxtError: `model` is neither a file nor a network, or it is a file and options for networks are given.
        ExportError: The file cannot be read safely.
    """
    require_tensorflow()
    path = Path(model)
    if path.suffix == ".keras" or (path.exists() and not is_network(model)):
        if any(option is not None for option in (classes, input_size, seed)):
            raise SqnxtError(path, "is a trained model", "`classes`, `input_size` and `seed` go with a network's name")
        loaded = load_keras(path)
        try_once(path, loaded)
        metadata = read_metadata(path) or Metadata()
        metadata = metadata if labels is None else replace(metadata, labels=read_labels(labels))
        return ModelSource(
            model=loaded, name=str(path), metadata=metadata, trained=True, given_preprocessing=preprocessing
        )
    if not is_network(model) and ("/" in model or path.suffix):
        raise SqnxtError(model, "no such file", "give a .keras file or a network's name (`sqnxt-tf list`)")
    from sqnxt_tf.networks.keras_ops import build
    from sqnxt_tf.networks.noise_statistics import set_noise_statistics

    network = find_network(model)
    classes = 1000 if classes is None else classes
    built = build(network.name, classes=classes, input_size=input_size, seed=seed or 0)
    height, width = built.input_shape[1:3]
    prepared = Preprocessing.imagenet(height, width)
    set_noise_statistics(built, mean=prepared.mean, scale=prepared.scale, seed=seed or 0)
    metadata = Metadata(
        network=network.name,
        labels=tuple(str(index) for index in range(classes)) if labels is None else read_labels(labels),
        preprocessing=prepared,
        input_size=(height, width),
    )
    return ModelSource(
        model=built, name=network.name, metadata=metadata, trained=False, given_preprocessing=preprocessing
    )


def try_once(path: Path, model: Any) -> None:
    """Run a model from a file on one sample of noise where somebody watches what its first run takes.

    Training and evaluation take what they need, so nobody can watch their first step in place of this. A model whose
    layers show that such a run takes little is not run.

    Raises:
        ExportError: TensorFlow cannot run it.
    """
    if is_watched() and not is_small_run(model):
        with opening(path):
            run_model(model, seeded_noise(signature_of(model).inputs, 1))


def check_trained(model: str | Path) -> Path:
    """Return the path of a trained model's file; refuse a network's name. TensorFlow is not loaded.

    Raises:
        SqnxtError, ExportError: `model` names a network, or there is no such file.
    """
    if is_network(str(model)):
        raise SqnxtError(model, "names a network, not a trained model", "train it first with `sqnxt-tf train`")
    return existing_file(model)


def open_trained(
    model: str | Path, data: Labelled, *, preprocessing: str | None = None, labels: Path | None = None
) -> ModelSource:
    """Open a trained model whose classes are those of the data; see `open_source`.

    Raises:
        SqnxtError, ExportError: The model cannot be read, or it has other classes.
    """
    source = open_source(str(check_trained(model)), preprocessing=preprocessing, labels=labels)
    if source.metadata.labels and source.metadata.labels != data.class_names:
        raise SqnxtError(model, f"was trained for other classes than those of {data.name}", "give `data` its own data")
    if source.model.output_shape != (None, len(data.class_names)):
        raise SqnxtError(
            model,
            f"answers with {source.model.output_shape}, and {data.name} has {len(data.class_names)} classes",
            "give `data` its own data",
        )
    return source


def require_tensorflow() -> None:
    """Raise an error that names the extra to install if TensorFlow is missing."""
    from importlib.util import find_spec

    if any(find_spec(name) is None for name in ("tensorflow", "tf_keras", "tensorflow_model_optimization")):
        raise SqnxtError(
            "TensorFlow",
            "is not installed and is needed to build, train, prune and export models",
            "run `pip install 'sqnxt-tf[train]'`",
        )


def default_preprocessing(data: DataSource, network: str, input_size: int | tuple[int, int] | None) -> Preprocessing:
    """Return the preprocessing for the data: digits are stretched, photographs are cropped as in the paper."""
    size = input_size or (_DIGITS_SIZE if data.is_digits else find_network(network).input_size)
    height, width = (size, size) if isinstance(size, int) else size
    make = Preprocessing.plain if data.is_digits else Preprocessing.imagenet
    return make(height, width)


def file_identity(path: Path) -> str:
    """Return the hash by which a run's settings identify a model file."""
    return sha256(read_whole(path)).hexdigest()[:16]
