"""What a microcontroller's project needs to know about a model."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sqnxt_export import Border, Metadata, MicroMemory, Preprocessing, Runner, measure_micro, open_model
from sqnxt_export.artifact.metadata_io import without_archive
from sqnxt_tf.class_outputs import class_output
from sqnxt_tf.errors import SqnxtError
from sqnxt_tf.image_input import read_known, resolve_runner
from sqnxt_tf.microcontroller.operators import resolver_methods

_TYPES = ("int8", "uint8", "int16", "float32")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MicroModel:
    """A classifier of images, as a microcontroller runs it.

    Attributes:
        path: The .tflite file.
        data: The model's bytes, without the archive of metadata behind it.
        metadata: What the file says of itself; the precision is empty if it is of another maker.
        memory: What TensorFlow Lite Micro needs for it.
        methods: The resolver's methods that register its operators.
        preprocessing: From an image to its input.
        input: How its input stores values; None for plain numbers.
        input_type: NumPy's name of the type that it takes.
        pixels: [channels, 256]: what the model takes for each value of a pixel.
        output: How its output stores scores; None for plain numbers.
        output_type: NumPy's name of the type that it returns.
        output_index: Place of the output that holds the scores.
        labels: Names of the classes; numbers where the file has none.
        notes: What was assumed about it.
    """

    path: Path
    data: bytes
    metadata: Metadata
    memory: MicroMemory
    methods: tuple[str, ...]
    preprocessing: Preprocessing
    input: Border | None
    input_type: str
    pixels: NDArray[np.generic]
    output: Border | None
    output_type: str
    output_index: int
    labels: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def flash_bytes(self) -> int:
        """Bytes of the constants: the model, the table of pixels, and the labels. The program comes on top."""
        return len(self.data) + self.pixels.nbytes + sum(len(label.encode()) + 1 for label in self.labels)

    def stored_input(self, image: NDArray[np.uint8]) -> NDArray[np.generic]:
        """Return the input for one image of its size, uint8 [height, width, channels], with a batch of one."""
        channels = np.arange(self.preprocessing.channels)
        return self.pixels[channels, image][None]


def read_micro_model(path: Path, *, preprocessing: str | None = None, labels: Path | None = None) -> MicroModel:
    """Read and measure a .tflite file that classifies images.

    Raises:
        SqnxtError: It takes something else than one image, or returns something else than one score a class.
        ExportError: It does not exist or is damaged, TFLM refuses it, or a runtime is not installed.
    """
    memory = measure_micro(path)
    runner = open_model(path)
    _check_input(runner)
    metadata = read_known(path, runner.input_shape, labels)
    resolved = resolve_runner(runner, metadata, preprocessing)
    place = class_output(runner, metadata)
    count = max(runner.outputs[place].shape)
    names = metadata.labels if len(metadata.labels) == count else tuple(map(str, range(count)))
    border = runner.borders.get(runner.inputs[0].name)
    input_type, output_type = _types(runner, place)
    return MicroModel(
        path=path,
        data=without_archive(path),
        metadata=metadata,
        memory=memory,
        methods=resolver_methods(path, memory.operators),
        preprocessing=resolved.preprocessing,
        input=border,
        input_type=input_type,
        pixels=pixel_table(resolved.preprocessing, border, input_type),
        output=runner.borders.get(runner.outputs[place].name),
        output_type=output_type,
        output_index=place,
        labels=names,
        notes=(resolved.note,) if resolved.note else (),
    )


def _check_input(runner: Runner) -> None:
    """Refuse a model that does not take one image with its channels last."""
    taken = [info.shape for info in runner.inputs]
    if len(taken) != 1 or len(taken[0]) != 3 or taken[0][2] not in (1, 3):
        shown = " and ".join("x".join(map(str, shape)) or "a number" for shape in taken)
        raise SqnxtError(
            runner.path, f"takes {shown}", "give a classifier of images; `inspect --micro` measures any .tflite file"
        )
    if runner.layout != "NHWC":
        raise SqnxtError(runner.path, "takes its channels first", "export it with its channels last")
    if runner.batch not in (None, 1):
        raise SqnxtError(runner.path, f"takes {runner.batch} images at once", "export it with `batch=1`")


def _types(runner: Runner, place: int) -> tuple[str, str]:
    """Return the types that the model takes and returns."""
    borders = runner.borders
    given, returned = runner.inputs[0], runner.outputs[place]
    found = tuple(
        borders[info.name].dtype if info.name in borders else "uint8" if raw else info.dtype
        for info, raw in ((given, runner.takes_pixels), (returned, False))
    )
    for name in found:
        if name not in _TYPES:
            raise SqnxtError(runner.path, f"takes or returns {name}", f"export it with {', '.join(_TYPES)} instead")
    return found[0], found[1]


def pixel_table(preprocessing: Preprocessing, border: Border | None, dtype: str) -> NDArray[np.generic]:
    """Return what the model takes for each value of a pixel, [channels, 256]: no arithmetic is left to the device."""
    values = preprocessing.normalise(np.arange(256)[:, None].repeat(preprocessing.channels, axis=1))
    stored = values.astype(dtype) if border is None else border.stored(values)
    return np.ascontiguousarray(stored.T)
