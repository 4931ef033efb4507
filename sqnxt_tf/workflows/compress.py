"""Deep Compression of a model, and the container of an existing artifact."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqnxt_base.opening import temporary_folder
from sqnxt_tf.accuracy import Evaluation, count_answers
from sqnxt_tf.data.arrays import to_arrays
from sqnxt_tf.data.data_source import DataSource
from sqnxt_tf.data.images import ImageSet
from sqnxt_tf.errors import SqnxtError
from sqnxt_tf.networks.registry import is_network
from sqnxt_tf.options.artifacts import DIGITS, CompressOptions, ExportOptions
from sqnxt_tf.options.given import options_from
from sqnxt_tf.own_data import own_data
from sqnxt_tf.progress import Progress, silent
from sqnxt_tf.sources import ModelSource, open_source
from sqnxt_tf.training.run_folder import History
from sqnxt_tf.workflows.compress_model import fine_tune, is_pruned, share_model
from sqnxt_tf.workflows.export import export_source

if TYPE_CHECKING:
    from sqnxt_export import Compressed, Parity

BITS = 6
"""Default number of bits per clustered weight, Deep Compression's for SqueezeNet."""
_ARTIFACTS = (".onnx", ".tflite")


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightSharing:
    """How a model's weights were clustered before it was compressed, and what that cost.

    `density` is None where nothing was pruned. `unfolded` names the batch norms that no layer could take in. `parity`
    compares the artifact with the clustered model. Bits and density were counted in the artifact. `before` and
    `after` are evaluations of the original and of the clustered model, None for random weights. The losses and
    the learning rate are those of centroid fine-tuning on the training images, None without it. `notes` say what was
    assumed of the model.
    """

    bits: int
    density: float | None
    unfolded: tuple[str, ...]
    parity: Parity
    before: Evaluation | None
    after: Evaluation | None
    history: History
    loss_before: float | None = None
    loss_after: float | None = None
    rate: float | None = None
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return the `sharing` object of the `compress` document."""
        return {
            "bits": self.bits,
            "density": self.density,
            "unfolded": list(self.unfolded),
            "parity": self.parity.to_json(),
            "top1_before": self.before.top1 if self.before else None,
            "top1_after": self.after.top1 if self.after else None,
            "test": self.after.to_json() if self.after else None,
            "history": self.history,
            "loss_before": self.loss_before,
            "loss_after": self.loss_after,
            "rate": self.rate,
            "notes": list(self.notes),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class CompressionResult:
    """The figures of a container; `sharing` is None for an artifact, which is compressed as it is."""

    compressed: Compressed
    sharing: WeightSharing | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the `compress` document."""
        return {**self.compressed.to_json(), "sharing": self.sharing.to_json() if self.sharing else None}


def compress(
    model: str | Path,
    output: str | Path,
    options: CompressOptions | None = None,
    *,
    force: bool = False,
    progress: Progress = silent,
    **settings: Any,
) -> CompressionResult:
    """Write a container that restores the exact artifact of `model`.

    A model's batch norm is folded away first. Then its kernels are pruned and their weights clustered, so that what is
    clustered is what ships; the float32 artifact is proved equal to that model before it is compressed. An artifact is
    compressed without loss and takes none of the options.

    Args:
        model: A `.keras` file, a network's name for seeded random weights, or an .onnx or .tflite file.
        output: The container to write.
        options: How a model is pruned, clustered and fine-tuned.
        force: Overwrite the output.
        progress: Called as the work goes on.
        settings: Fields of `CompressOptions`, in place of or on top of `options`.

    Raises:
        ParityError: The artifact does not equal the clustered model.
        SqnxtError, ExportError: What was asked for is not possible, or a file is not usable.
    """
    from sqnxt_export import compress_artifact

    options = options_from(CompressOptions, options, settings)
    if Path(model).suffix.lower() in _ARTIFACTS:
        if given := options.for_models_only:
            raise SqnxtError(
                str(model), f"is an artifact, compressed as it is, and takes no `{given[0]}`", "give a .keras file"
            )
        return CompressionResult(compressed=compress_artifact(model, output, force=force))
    _check_request(model, output, options, force=force)
    source = open_source(
        str(model),
        classes=options.classes,
        input_size=options.input_size,
        seed=None if options.recipe else options.seed,  # fine-tuning has a seed too
        preprocessing=options.preprocessing,
    )
    return _compress_model(source, Path(output), options, force=force, progress=progress)


def _check_request(model: str | Path, output: str | Path, options: CompressOptions, *, force: bool) -> None:
    """Refuse, before minutes of work, what cannot be done."""
    from sqnxt_export.artifact.files import check_output
    from sqnxt_export.compression.rans import Encoder

    check_output(Path(output), force=force)
    if options.recipe and is_network(str(model)):
        raise SqnxtError(str(model), "names a network, not a trained model", "train it first with `sqnxt-tf train`")
    Encoder()  # its library may be missing


def _compress_model(
    source: ModelSource, output: Path, options: CompressOptions, *, force: bool, progress: Progress
) -> CompressionResult:
    from sqnxt_export import compress_artifact
    from sqnxt_tf.training.folding import batch_norms

    recipe, bits = options.recipe, options.bits or BITS
    data = own_data(source.name, source.metadata, options.data) if source.trained else options.data or DIGITS
    test = _test_images(source, data) if source.trained else None
    before = _evaluate(source.model, source, output, test) if test else None
    progress(f"clustering the weights of {source.name}", 0, 1)
    model = share_model(source.model, bits=bits, density=options.density)
    tuned = None
    if recipe:
        tuned = fine_tune(model, source, data, recipe, bits=bits, seed=options.seed or 0, progress=progress)
        model = tuned.model
    after = _evaluate(model, source, output, test) if test else None
    remembered = {
        "bits": bits, "density": options.density, "recipe": asdict(recipe) if recipe else None, "data": data.name,
    }  # fmt: skip
    inside = _described(replace(source, model=model), remembered, after)
    kind = options.format or "onnx"
    with temporary_folder() as folder:
        artifact = folder / f"artifact.{kind}"
        exported = export_source(inside, artifact, ExportOptions(format=kind, data=data), progress=progress)
        _check_kernels(artifact, output, model, bits=bits, density=options.density)
        compressed = replace(compress_artifact(artifact, output, force=force), source=source.name)
    sharing = WeightSharing(
        bits=bits,
        density=options.density,
        unfolded=batch_norms(model),
        parity=exported.parity,
        before=before,
        after=after,
        history=tuned.history if tuned else [],
        loss_before=tuned.loss_before if tuned else None,
        loss_after=tuned.loss_after if tuned else None,
        rate=tuned.rate if tuned else None,
        notes=(note,) if (note := source.image_input.note) else (),
    )
    return CompressionResult(compressed=compressed, sharing=sharing)


def _check_kernels(artifact: Path, output: Path, model: Any, *, bits: int, density: float | None) -> None:
    """Count values and zeros of every kernel in the artifact.

    Raises:
        ExportError: A kernel of the artifact has more than 2**bits values, or more weights than `density` keeps.
    """
    from sqnxt_export import ClusteredKernel, check_clustered
    from sqnxt_tf.training.kernels import kernels

    expected = {
        place: ClusteredKernel(values=variable.numpy(), density=density if is_pruned(place) else None)
        for place, variable in kernels(model).items()
    }
    try:
        check_clustered(artifact, expected, bits=bits)
    except SqnxtError as error:
        raise error.about(output) from error


def _described(source: ModelSource, settings: dict[str, Any], after: Evaluation | None) -> ModelSource:
    """Return the source with metadata on how it was compressed and on its accuracy since."""
    from sqnxt_export import ACCURACY_IMAGES, LearntRanges

    metadata = replace(
        source.metadata,
        accuracy=after.top1 if after else source.metadata.accuracy,
        data=after.data if after else source.metadata.data,
        extra={
            **LearntRanges.dropped_from(source.metadata.extra),
            **({ACCURACY_IMAGES: after.samples} if after else {}),
            "compression": settings,
        },
    )
    return replace(source, metadata=metadata)


def _test_images(source: ModelSource, data: DataSource) -> ImageSet:
    images = data.part()
    if source.metadata.labels and source.metadata.labels != images.class_names:
        raise SqnxtError(source.name, f"was trained for other classes than those of {data}", "give `data` its own data")
    return images


def _evaluate(model: Any, source: ModelSource, output: Path, images: ImageSet) -> Evaluation:
    arrays = to_arrays(images, source.preprocessing)
    return count_answers(output, images, model.predict(arrays.images, verbose=0), shown=arrays)
