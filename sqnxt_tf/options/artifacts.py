"""Options of the verbs that make or measure artifacts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sqnxt_export.budget import check_budget
from sqnxt_export.compression.clustering import check_bits, check_density
from sqnxt_export.options import ArtifactOptions
from sqnxt_export.output_tasks import check_task
from sqnxt_export.quantise.precision import CALIBRATED
from sqnxt_tf.data.data_source import DataKind, DataSource
from sqnxt_tf.errors import SqnxtError
from sqnxt_tf.npus import check_npu
from sqnxt_tf.options.given import parse_data
from sqnxt_tf.preprocessing_rules import check_rule
from sqnxt_tf.training.recipe import Recipe

DIGITS = DataSource("digits", DataKind.DIGITS)
_FORMATS = ("onnx", "tflite")


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportOptions(ArtifactOptions):
    """How a model is exported, what it is calibrated and compared on, and how much accuracy it may lose.

    The fields of `sqnxt_export.ArtifactOptions` come first.

    Attributes:
        data: `digits`, a folder of images or of TFRecords, or `tfds:NAME`: what the artifact is calibrated and
            compared on. If None the data that the model's file says it was trained on, else the digits.
        samples: Images on which parity is judged. If None, 16 for random weights, and 128 for a trained model, with
            more up to all there are while top-1 is unsure.
        calibration: Images of the training part on which integer precisions are calibrated; 512 for a trained model
            and 64 for random weights if None.
        equalise: Rescale the weights of neighbouring layers before they become 8-bit integers, so that their channels
            have alike ranges (cross-layer equalisation). The model computes the same.
        max_drop: Points of top-1 that an ONNX int8 graph may lose on the validation part; its worst layers keep 16
            bits until the graph loses no more.
        signature: Name of the function of a SavedModel folder; "serving_default", or the only one, if None.
        classes: Units of the classifier, for a network given by name; 1000 if None.
        input_size: Side in pixels or (height, width), for a network given by name; its own if None.
        seed: Random seed of the weights of a network given by name; 0 if None.
        preprocessing: How an image becomes the input: imagenet, plain, 0..1, -1..1, 0..255 or a TOML file; as the model
            says if None.
        labels: A file with one label a line; the model's own labels if None.
        licence: Licence of the model, to be written into the file; the model's own if None.

    Raises:
        SqnxtError, ExportError: A value is out of range or has no effect for this format and precision.
    """

    data: DataSource | None = None
    samples: int | None = None
    calibration: int | None = None
    equalise: bool = False
    max_drop: float | None = None
    signature: str | None = None
    classes: int | None = None
    input_size: int | tuple[int, int] | None = None
    seed: int | None = None
    preprocessing: str | None = None
    labels: Path | None = None
    licence: str | None = None

    def __post_init__(self) -> None:
        ArtifactOptions.__post_init__(self)
        check_rule(self.preprocessing)
        parse_data(self)
        check_budget(self.format, self.precision, given=self.max_drop is not None)
        _check_count("samples", self.samples, "compare at least one image")
        if self.calibration is not None and self.precision not in CALIBRATED:
            raise SqnxtError(f"calibration {self.calibration}", f"{self.precision} is not calibrated", "leave it out")
        _check_count("calibration", self.calibration, "calibrate with at least one image")
        if self.equalise and self.precision not in ("int8", "int16x8"):
            raise SqnxtError("equalise", f"has no effect on {self.precision}", "leave it out, or choose int8")
        if self.max_drop is not None and not 0 <= self.max_drop <= 100:
            raise SqnxtError("max_drop", f"{self.max_drop:g} is out of range", "give 0 to 100 points of top-1")


@dataclass(frozen=True, slots=True, kw_only=True)
class CompressOptions:
    """How a model is compressed; an artifact is compressed without loss and takes none of these.

    Attributes:
        format: The artifact inside the container, `onnx` or `tflite`; `onnx` if None.
        density: Fraction of each kernel's weights to keep; prunes nothing if None.
        bits: Bits per clustered weight (2^bits - 1 values plus zero); 6, as Deep Compression has for SqueezeNet, if
            None.
        data: The model's own data, for parity, accuracy and fine-tuning: `digits`, a folder of images or of TFRecords,
            or `tfds:NAME`. If None those that the model's file says it was trained on, the digits for random weights,
            and an error elsewhere.
        preprocessing: How an image becomes the input: imagenet, plain, 0..1, -1..1, 0..255 or a TOML file; as the model
            says if None.
        recipe: How the clustered values are fine-tuned; not at all if None.
        classes: Units of the classifier, for a network given by name.
        input_size: Side in pixels or (height, width), for a network given by name.
        seed: Random seed of fine-tuning, or of the weights of a network given by name; 0 if None.

    Raises:
        SqnxtError, ExportError: A value is out of range.
    """

    format: str | None = None
    density: float | None = None
    bits: int | None = None
    data: DataSource | None = None
    preprocessing: str | None = None
    recipe: Recipe | None = None
    classes: int | None = None
    input_size: int | tuple[int, int] | None = None
    seed: int | None = None

    def __post_init__(self) -> None:
        parse_data(self)
        check_rule(self.preprocessing)
        if self.format not in (None, *_FORMATS):
            raise SqnxtError(f"format {self.format!r}", "is not known", f"use one of {', '.join(_FORMATS)}")
        if self.bits is not None:
            check_bits(self.bits)
        if self.density is not None:
            check_density(self.density)

    @property
    def for_models_only(self) -> tuple[str, ...]:
        """Names of the given fields that have no meaning for an artifact."""
        names = ("format", "density", "bits", "preprocessing", "recipe", "classes", "input_size", "seed")
        return tuple(name for name in names if getattr(self, name) is not None)


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyOptions:
    """What two files are compared on, and by whose thresholds.

    Attributes:
        data: Images to compare on; the digits where they fit and seeded noise elsewhere if None.
        samples: Number of images; if None 128, and more up to all there are while top-1 is unsure.
        precision: Judge by the thresholds of this precision; by the looser of the two files' own if None.
        seed: Random seed of the noise.
        threads: Threads of the runtimes; the runtimes choose if None.
        preprocessing: How an image becomes the input of both files: imagenet, plain, 0..1, -1..1, 0..255 or a TOML
            file; as they say themselves if None.
        labels: A file with one label a line; the files' own labels if None.
        task: What the outputs are: "classifier", "regressor" or "map"; "auto" asks the labels and the values.
        layout: Layout of the image of a file that does not say, "NCHW" or "NHWC"; both are tried if None.

    Raises:
        SqnxtError, ExportError: A value is out of range.
    """

    data: DataSource | None = None
    samples: int | None = None
    precision: str | None = None
    seed: int = 0
    threads: int | None = None
    preprocessing: str | None = None
    labels: Path | None = None
    task: str = "auto"
    layout: str | None = None

    def __post_init__(self) -> None:
        check_rule(self.preprocessing)
        check_task(self.task)
        if self.layout not in (None, "NCHW", "NHWC"):
            raise SqnxtError(f"layout {self.layout!r}", "is not known", "use NCHW or NHWC")
        if self.data is not None:
            parse_data(self)
        _check_count("samples", self.samples, "compare at least one image")


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchmarkOptions:
    """How long and how exactly artifacts are timed.

    Attributes:
        threads: Time every file with each of these numbers of threads.
        seconds: Longest time that timing may take.
        tolerance: Half width of the 95 % interval of each median, as a fraction of it.
        per_layer: Profile the files layer by layer, with the profiler of each one's runtime.
        accelerator: A preset's name or a .toml file: set each layer's simulated share beside the measured one.
        dims: Sizes of sides that the files leave free, by name or as "input:axis"; others are one.
        npu: Vela's name of an Arm Ethos-U, as in "ethos-u55-128": set Vela's estimate of each layer beside the
            simulator's, for .tflite files.

    Raises:
        SqnxtError: A size is out of range.
    """

    threads: Sequence[int] = (1,)
    seconds: float = 60.0
    tolerance: float = 0.02
    per_layer: bool = False
    accelerator: str | Path | None = None
    dims: Mapping[str, int] = field(default_factory=dict)
    npu: str | None = None

    def __post_init__(self) -> None:
        if self.npu is not None:
            check_npu(self.npu)
        for name, size in self.dims.items():
            if size < 1:
                raise SqnxtError(f"dim {name}", f"{size} is out of range", "give a size of at least 1")


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportOptions:
    """What the HTML page about ONNX graphs shows.

    Attributes:
        accelerators: Presets or .toml files. Layers are shown on the first one (squeezelerator-16x16 if none is
            given), what-ifs on all of them and on all presets.
        sparsity: Assume this fraction of zero weights instead of counting them.
        batch: Batch of graphs that leave it free.
        input_size: Side in pixels or (height, width) of graphs that leave it free.
        dims: Sizes of other dimensions that graphs leave free, by name.
        classes: Number of classes of networks given by name; 1000 if None.
        title: Heading of the page; made of the names if None.
    """

    accelerators: Sequence[str | Path] = ()
    sparsity: float | None = None
    batch: int | None = None
    input_size: int | tuple[int, int] | None = None
    dims: Mapping[str, int] | None = None
    classes: int | None = None
    title: str | None = None


def _check_count(name: str, value: int | None, remedy: str) -> None:
    if value is not None and value < 1:
        raise SqnxtError(name, f"{value} is out of range", remedy)
