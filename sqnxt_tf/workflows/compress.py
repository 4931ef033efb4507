"""Deep Compression of a model, and the container of an artifact that is there already."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from sqnxt_tf.accuracy import Evaluation, count_answers
from sqnxt_tf.data.arrays import to_arrays
from sqnxt_tf.data.data_source import DataSource, load_data
from sqnxt_tf.data.images import ImageSet
from sqnxt_tf.errors import SqnxtError
from sqnxt_tf.networks.registry import is_network
from sqnxt_tf.progress import Progress, silent
from sqnxt_tf.sources import ModelSource, open_source
from sqnxt_tf.training.recipe_files import Recipe
from sqnxt_tf.training.run_folder import History
from sqnxt_tf.workflows.export import export_source

if TYPE_CHECKING:
    from sqnxt_export import Compressed, Parity
    from sqnxt_tf.training.centroids import FineTuned

BITS = 6
"""Of a shared weight's index where none are asked for; Deep Compression's for SqueezeNet."""
_ARTIFACTS = (".onnx", ".tflite")


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightSharing:
    """What was done to a model before it was compressed, and what it cost.

    `density` is None where nothing was pruned. `parity` is that of the compressed artifact with the shared model;
    `before` and `after` are evaluations of the model as it came and as it is inside, None for random weights. The
    losses are those of centroid fine-tuning on the training images, None without it.
    """

    bits: int
    density: float | None
    parity: Parity
    before: Evaluation | None
    after: Evaluation | None
    history: History
    loss_before: float | None = None
    loss_after: float | None = None

    def to_json(self) -> dict[str, Any]:
        """The `sharing` object of the `compress` document."""
        return {
            "bits": self.bits,
            "density": self.density,
            "parity": self.parity.to_json(),
            "top1_before": self.before.top1 if self.before else None,
            "top1_after": self.after.top1 if self.after else None,
            "test": self.after.to_json() if self.after else None,
            "history": self.history,
            "loss_before": self.loss_before,
            "loss_after": self.loss_after,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class CompressionResult:
    """A container in figures; `sharing` is None for an artifact, which is compressed as it is."""

    compressed: Compressed
    sharing: WeightSharing | None = None

    def to_json(self) -> dict[str, Any]:
        """The `compress` document."""
        return {**self.compressed.to_json(), "sharing": self.sharing.to_json() if self.sharing else None}


def compress(
    model: str | Path,
    output: str | Path,
    *,
    format: str | None = None,
    density: float | None = None,
    bits: int | None = None,
    data: str = "digits",
    recipe: Recipe | None = None,
    classes: int | None = None,
    input_size: int | tuple[int, int] | None = None,
    seed: int | None = None,
    force: bool = False,
    progress: Progress = silent,
) -> CompressionResult:
    """Write a container that restores the exact artifact of `model`.

    A model's batch norm is folded away first, then its kernels are pruned and shared, so that what is shared is what
    ships; the float32 artifact is proved equal to that model before it is compressed. An artifact is compressed
    without loss and takes none of the options.

    Args:
        model: A `.keras` file, a network's name for seeded random weights, or an .onnx or .tflite file.
        output: The container to write.
        format: `onnx` or `tflite`, the artifact inside; `onnx` where not given.
        density: The fraction of each kernel's weights to keep; all that are there where not given.
        bits: Of a shared weight's index; 6 where not given.
        data: `digits`, or a folder of images: for parity, accuracy and fine-tuning.
        recipe: Of fine-tuning the shared values; none where not given.
        classes: Units of the classifier, of a network given by name.
        input_size: Side in pixels or (height, width), likewise.
        seed: Of fine-tuning, or of a network's random weights.
        force: Overwrite the output.
        progress: Told how far it is.

    Raises:
        ParityError: The artifact does not equal the shared model.
        SqnxtError, ExportError: What was asked for is not possible, or a file is not usable.
    """
    from sqnxt_export import compress_artifact

    if Path(model).suffix.lower() in _ARTIFACTS:
        options = {"format": format, "density": density, "bits": bits, "epochs": recipe, "classes": classes,
                   "input-size": input_size, "seed": seed}  # fmt: skip
        if given := [f"--{name}" for name, value in options.items() if value is not None]:
            raise SqnxtError(model, "is an artifact, compressed as it is", f"{given[0]} goes with a .keras file")
        return CompressionResult(compressed=compress_artifact(model, output, force=force))
    bits = BITS if bits is None else bits
    _check_request(model, output, bits, density, recipe, force=force)
    source = open_source(
        str(model), classes=classes, input_size=input_size, seed=None if recipe else seed
    )  # fine-tuning has a seed too
    return _compress_model(
        source, Path(output), format or "onnx", density, bits, data, recipe, seed or 0, force, progress
    )


def _check_request(
    model: str | Path, output: str | Path, bits: int, density: float | None, recipe: Recipe | None, *, force: bool
) -> None:
    """What can be said before minutes of work."""
    from sqnxt_export.artifact.files import check_output
    from sqnxt_export.compression.clustering import check_bits, check_density
    from sqnxt_export.compression.rans import Encoder

    check_output(Path(output), force=force)
    check_bits(bits)
    if density is not None:
        check_density(density)
    if recipe and is_network(str(model)):
        raise SqnxtError(model, "names a network, not a trained model", "train it first with `sqnxt-tf train`")
    Encoder()  # its library may be missing


def _compress_model(
    source: ModelSource,
    output: Path,
    format: str,
    density: float | None,
    bits: int,
    data: str,
    recipe: Recipe | None,
    seed: int,
    force: bool,
    progress: Progress,
) -> CompressionResult:
    from sqnxt_export import compress_artifact

    test = _test_images(source, data) if source.trained else None
    before = _evaluate(source.model, source, output, test) if test else None
    progress(f"sharing the weights of {source.name}", 0, 1)
    model = share_model(source.model, bits=bits, density=density)
    tuned = fine_tune(model, source, data, recipe, bits=bits, seed=seed, progress=progress) if recipe else None
    model = tuned.model if tuned else model
    after = _evaluate(model, source, output, test) if test else None
    settings = {"bits": bits, "density": density, "recipe": asdict(recipe) if recipe else None, "data": data}
    inside = _described(replace(source, model=model), settings, after)
    with TemporaryDirectory() as folder:
        artifact = Path(folder, f"artifact.{format}")
        exported = export_source(inside, artifact, format=format, precision="float32", data=data, progress=progress)
        compressed = replace(compress_artifact(artifact, output, force=force), source=source.name)
    sharing = WeightSharing(
        bits=bits,
        density=density,
        parity=exported.parity,
        before=before,
        after=after,
        history=tuned.history if tuned else [],
        loss_before=tuned.loss_before if tuned else None,
        loss_after=tuned.loss_after if tuned else None,
    )
    return CompressionResult(compressed=compressed, sharing=sharing)


def _described(source: ModelSource, settings: dict[str, Any], after: Evaluation | None) -> ModelSource:
    """The source with metadata that say how it was compressed, and how well it does since."""
    metadata = replace(
        source.metadata,
        preprocessing=source.preprocessing,
        accuracy=after.top1 if after else source.metadata.accuracy,
        data=after.data if after else source.metadata.data,
        extra={**source.metadata.extra, "compression": settings},
    )
    return replace(source, metadata=metadata)


def _test_images(source: ModelSource, data: str) -> ImageSet:
    images = load_data(data)
    if source.metadata.labels and source.metadata.labels != images.class_names:
        raise SqnxtError(source.name, f"was trained for other classes than those of {data}", "give --data its own data")
    return images


def _evaluate(model: Any, source: ModelSource, output: Path, images: ImageSet) -> Evaluation:
    arrays = to_arrays(images, source.preprocessing)
    return count_answers(output, images, model.predict(arrays.images, verbose=0))


def share_model(model: Any, *, bits: int, density: float | None = None) -> Any:
    """A copy of a `tf_keras` model, batch norm folded, each kernel pruned to `density` and shared with `bits` bits.

    Depthwise kernels are never pruned, as in `prune`.
    """
    from sqnxt_export import keep_largest, share_weights
    from sqnxt_tf.training.folding import fold_batch_norm
    from sqnxt_tf.training.kernels import kernels

    folded = fold_batch_norm(model)
    for name, variable in kernels(folded).items():
        values = variable.numpy()
        if density is not None and "depthwise" not in name:
            values = keep_largest(values, density)
        variable.assign(share_weights(values, bits))
    return folded


def fine_tune(
    shared: Any,
    source: ModelSource,
    data: str,
    recipe: Recipe,
    *,
    bits: int,
    seed: int = 0,
    progress: Progress = silent,
) -> FineTuned:
    """Move the shared values of `shared` on the training part of `data`; what comes back is shared with `bits` bits.

    Raises:
        SqnxtError: Data that are not divided, or a rate at which the loss is no number.
    """
    from sqnxt_export import share_weights
    from sqnxt_tf.training.centroids import fine_tune_centroids
    from sqnxt_tf.training.kernels import kernels
    from sqnxt_tf.training.run_options import RunOptions
    from sqnxt_tf.training.strategies import make_strategy

    sets = DataSource.parse(data).parts()
    training, validation = (to_arrays(sets[split], source.preprocessing) for split in ("train", "validation"))
    run = RunOptions(strategy=make_strategy("one-device"), seed=seed, progress=progress)
    tuned = fine_tune_centroids(shared, training, validation, recipe, run)
    for variable in kernels(tuned.model).values():
        variable.assign(share_weights(variable.numpy(), bits))  # no more values than before: this rounds them
    return tuned
