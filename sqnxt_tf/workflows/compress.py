"""Deep Compression of a model, and the container of an artifact that is there already."""

from dataclasses import asdict, dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from ..data import ImageSet, load_data
from ..device.evaluation import Evaluation, count_answers
from ..errors import SqnxtError
from ..networks.registry import is_network
from ..progress import Progress, silent
from ..training.recipes import Recipe
from .export import export_source
from .models import Source, open_source, to_arrays
from .sharing import Sharing, fine_tune, share_model

if TYPE_CHECKING:
    from sqnxt_export import Compressed

BITS = 6
"""Of a shared weight's index where none are asked for; Deep Compression's for SqueezeNet."""
_ARTIFACTS = (".onnx", ".tflite")


@dataclass(frozen=True, slots=True, kw_only=True)
class CompressionResult:
    """A container in figures; `sharing` is None for an artifact, which is compressed as it is."""

    compressed: "Compressed"
    sharing: Sharing | None = None

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
        model: a `.keras` file, a network's name for seeded random weights, or an .onnx or .tflite file.
        output: the container to write.
        format: `onnx` or `tflite`, the artifact inside; `onnx` where not given.
        density: the fraction of each kernel's weights to keep; all that are there where not given.
        bits: of a shared weight's index; 6 where not given.
        data: `digits`, or a folder of images: for parity, accuracy and fine-tuning.
        recipe: of fine-tuning the shared values; none where not given.
        classes: units of the classifier, of a network given by name.
        input_size: side in pixels or (height, width), likewise.
        seed: of fine-tuning, or of a network's random weights.
        force: overwrite the output.
        progress: told how far it is.

    Raises:
        ParityError: the artifact does not equal the shared model.
        SqnxtError, ExportError: what was asked for is not possible, or a file is not usable.
    """
    from sqnxt_export import compress as compress_artifact

    if Path(model).suffix.lower() in _ARTIFACTS:
        options = {"format": format, "density": density, "bits": bits, "epochs": recipe, "classes": classes,
                   "input-size": input_size, "seed": seed}  # fmt: skip
        if given := [f"--{name}" for name, value in options.items() if value is not None]:
            raise SqnxtError(f"{model}: is an artifact, compressed as it is; {given[0]} goes with a .keras file")
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
        raise SqnxtError(f"{model}: names a network, not a trained model; train it first with `sqnxt-tf train`")
    Encoder()  # its library may be missing


def _compress_model(
    source: Source,
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
    from sqnxt_export import compress as compress_artifact

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
    sharing = Sharing(
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


def _described(source: Source, settings: dict[str, Any], after: Evaluation | None) -> Source:
    """The source with metadata that say how it was compressed, and how well it does since."""
    metadata = replace(
        source.metadata,
        preprocessing=source.preprocessing,
        accuracy=after.top1 if after else source.metadata.accuracy,
        data=after.data if after else source.metadata.data,
        extra={**source.metadata.extra, "compression": settings},
    )
    return replace(source, metadata=metadata)


def _test_images(source: Source, data: str) -> ImageSet:
    images = load_data(data)
    if source.metadata.labels and source.metadata.labels != images.class_names:
        raise SqnxtError(f"{source.name}: was trained for other classes than those of {data}; give --data its own data")
    return images


def _evaluate(model: Any, source: Source, output: Path, images: ImageSet) -> Evaluation:
    arrays = to_arrays(images, source.preprocessing)
    return count_answers(output, images, model.predict(arrays.images, verbose=0))
