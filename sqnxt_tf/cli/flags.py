"""Options that mean the same wherever they stand.

Those of training are in `training_flags`, and the limits for files from anyone in `limit_flags`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from sqnxt_base.quantities import parse_quantity
from sqnxt_tf.cli import interruption
from sqnxt_tf.cli.bundled_path import BundledPath, BundledPathOrName
from sqnxt_tf.cli.completion import complete_accelerator, complete_data, complete_network_or_file, completion_item
from sqnxt_tf.cli.output import Output

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

F = TypeVar("F", bound=Callable[..., Any])
Made = TypeVar("Made")
PRECISIONS = ("float32", "float16", "int16", "int16x8", "int8-weights", "int8")
_LARGEST_BATCH = 4096
_MOST_THREADS = 1024


class Listed(click.ParamType[tuple[str, ...]]):
    """Some of the given words, with commas between them: `onnx,tflite`."""

    name = "list"

    def __init__(self, words: tuple[str, ...]) -> None:
        self.words = words

    def get_metavar(self, param: click.Parameter, ctx: click.Context | None = None) -> str:
        """Return the words, as click's own choices show them."""
        return f"[{'|'.join(self.words)}],..."

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, ...]:
        """Return the words, each once."""
        if isinstance(value, tuple):
            return value
        given = tuple(dict.fromkeys(word.strip() for word in str(value).split(",")))
        for word in given:
            if word not in self.words:
                self.fail(f"{word!r} is not one of {', '.join(map(repr, self.words))}.", param, ctx)
        return given

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Offer the words for the last place."""
        before, comma, last = incomplete.rpartition(",")
        return [completion_item(f"{before}{comma}{word}") for word in self.words if word.startswith(last)]


class InputSize(click.ParamType[tuple[int, int]]):
    """`227` or `227x224`: height and width in pixels."""

    name = "HxW"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, int]:
        """Return height and width."""
        if isinstance(value, tuple):
            return value
        sides = value.lower().split("x")
        if len(sides) > 2 or not all(side.isdecimal() and len(side) < 6 for side in sides):
            self.fail(f"{value!r} is not a size: give one side in pixels, as in 227, or HEIGHTxWIDTH", param, ctx)
        return int(sides[0]), int(sides[-1])


class BatchSize(click.ParamType[int | None]):
    """A number of images, or `free`."""

    name = "N|free"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int | None:
        """Return the number; None for a free batch."""
        if value is None or isinstance(value, int):
            return value
        if value.lower() == "free":
            return None
        if not (value.isdecimal() and 1 <= int(value[:6]) <= _LARGEST_BATCH):
            self.fail(f"{value!r} is not a batch: give a number of 1 to {_LARGEST_BATCH}, or free", param, ctx)
        return int(value)


class Dimension(click.ParamType[tuple[str, int]]):
    """`seq=128`."""

    name = "NAME=N"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, int]:
        """Return the name of a dimension and its size."""
        if isinstance(value, tuple):
            return value
        name, _, size = value.rpartition("=")
        if not (name and size.isascii() and size.isdigit() and len(size) < 10):
            self.fail(f"{value!r} is not a dimension: give NAME=N, as in seq=128", param, ctx)
        return name, int(size)


class ThreadCounts(click.ParamType[tuple[int, ...]]):
    """`1` or `1,2,4`."""

    name = "N,..."

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, ...]:
        """Return the numbers, each once."""
        if isinstance(value, tuple):
            return value
        counts = value.split(",")
        if not all(count.isascii() and count.isdigit() and 1 <= int(count[:6]) <= _MOST_THREADS for count in counts):
            self.fail(f"{value!r} is not a list of threads: give 1 to {_MOST_THREADS}, as in 1,2", param, ctx)
        return tuple(dict.fromkeys(map(int, counts)))


class Quantity(click.ParamType[float]):
    """`1M`, `940k`, `2.5e6`: a number above 0, as `parse_quantity` reads it."""

    name = "NUMBER"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return the number."""
        if isinstance(value, float):
            return value
        try:
            quantity = parse_quantity(value)
        except ValueError:
            quantity = 0.0
        if not 0 < quantity < float("inf"):
            self.fail(f"{value!r} is not a quantity above 0: give it as in 1M, 940k or 2.5e6", param, ctx)
        return quantity


class Bytes(click.ParamType[int]):
    """`1M`, `256K`, `65536`: a number of bytes, with the suffix K, M or G for the powers of 1024."""

    name = "BYTES"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return the number of bytes."""
        if isinstance(value, int):
            return value
        try:
            count = parse_quantity(value, thousand=1024)
        except ValueError:
            count = 0.0
        if not (1 <= count < 2**53 and count == int(count)):
            self.fail(f"{value!r} is not a number of bytes: give it as in 1M, 256K or 65536", param, ctx)
        return int(count)


def output_options(verb: F) -> F:
    """Add `--json`, `--wide`, `--quiet` and `--verbose`; the verb receives an `Output` as `out`."""
    return _with_output_options(verb, loads_tensorflow=True)


def light_output_options(verb: F) -> F:
    """Add the same to a verb that never loads TensorFlow."""
    return _with_output_options(verb, loads_tensorflow=False)


def _with_output_options(verb: F, *, loads_tensorflow: bool) -> F:
    @click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout and nothing else there.")
    @click.option("--wide", is_flag=True, help="Print whole tables, wider than the terminal where they are.")
    @click.option("-q", "--quiet", is_flag=True, help="Print no progress and no notes on stderr.")
    @click.option("-v", "--verbose", is_flag=True, help="Print the log lines of the libraries too.")
    @wraps(verb)
    def with_output(*args: Any, as_json: bool, wide: bool, quiet: bool, verbose: bool, **kwargs: Any) -> Any:
        out = Output(as_json=as_json, wide=wide, quiet=quiet, verbose=verbose, loads_tensorflow=loads_tensorflow)
        with interruption.insisting(), out:
            return verb(*args, out=out, **kwargs)

    return with_output  # type: ignore[return-value]


def made_from(kind: type[Made], settings: dict[str, Any]) -> Made:
    """Take the fields of an option object out of a command's parameters and make the object."""
    names = [field.name for field in fields(kind) if field.name in settings]  # type: ignore[arg-type]
    return kind(**{name: settings.pop(name) for name in names})


def refuse_given(why: str, *names: str) -> None:
    """Refuse the parameters of those names that the command line itself gives: here they would change nothing."""
    for parameter in click.get_current_context().command.params:
        if parameter.name in names and is_given(parameter.name):
            raise click.UsageError(f"{parameter.opts[-1]} {why}; leave it out")


def is_given(name: str) -> bool:
    """Return whether the command line itself gives a parameter."""
    source = click.get_current_context().get_parameter_source(name)
    return source == click.core.ParameterSource.COMMANDLINE


PRECISION = click.Choice(PRECISIONS)
QUANTITY = Quantity()
BYTES = Bytes()
PATH, PATH_OR_NAME = BundledPath(), BundledPathOrName()
classes = click.option("--classes", type=click.IntRange(2, 1_000_000), help="Number of classes of the network.")
input_size = click.option(
    "--input-size", type=InputSize(), help="Side of the input in pixels, or HEIGHTxWIDTH; the network's own by default."
)
accelerator = click.option(
    "--accelerator",
    default="squeezelerator-16x16",
    show_default=True,
    metavar="NAME|FILE.toml",
    shell_complete=complete_accelerator,
    help="A preset (`sqnxt-tf accelerators` lists them) or your own TOML file.",
)
dataflow = click.option(
    "--dataflow",
    type=click.Choice(["best", "weight-stationary", "output-stationary", "row-stationary", "output-block"]),
    default="best",
    show_default=True,
    help="The dataflow of every layer; `best` takes the fastest of the array's for each layer.",
)
sparsity = click.option(
    "--sparsity", type=click.FloatRange(0, 1), help="Assume this fraction of zero weights instead of counting them."
)
batch = click.option(
    "--batch", type=click.IntRange(1, _LARGEST_BATCH), help="Number of images, for a graph that leaves it free."
)
dims = click.option(
    "--dim",
    "dims",
    type=Dimension(),
    multiple=True,
    callback=lambda ctx, param, value: dict(value) or None,
    help="Size of a dimension that the graph leaves free, by its name, or as INPUT:AXIS=N; may be repeated.",
)
seed = click.option("--seed", type=click.IntRange(0, 2**31 - 1), default=0, show_default=True, help="Random seed.")
force = click.option("--force", is_flag=True, help="Overwrite an output that exists.")
preprocessing = click.option(
    "--preprocessing",
    metavar="imagenet|plain|0..1|-1..1|0..255|FILE.toml",
    help="How an image becomes the input, where the file does not say it or is to be overruled. `imagenet` crops and "
    "subtracts ImageNet's mean; the others stretch the image and map its pixels to the range (`plain` is -1..1).",
)
labels = click.option(
    "--labels",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Names of the classes, one a line, where the file has none or others.",
)
task = click.option(
    "--task",
    type=click.Choice(["auto", "classifier", "regressor", "map"]),
    default="auto",
    show_default=True,
    help="What the outputs are. Only a classifier's classes, and a map's pixel by pixel, are compared by top-1.",
)
threads = click.option(
    "--threads", type=click.IntRange(1, _MOST_THREADS), help="Number of threads of the runtime; it chooses by default."
)
data = click.option(
    "--data",
    default="digits",
    show_default=True,
    metavar="digits|FOLDER|tfds:NAME",
    shell_complete=complete_data,
    help="The bundled handwritten digits, a folder with one sub-folder per class, a folder of TFRecords, or a name "
    "that tensorflow-datasets knows.",
)


own_data = click.option(
    "--data",
    metavar="digits|FOLDER|tfds:NAME",
    shell_complete=complete_data,
    help="The data that the model was trained on, as in `train`; those that its file names by default.",
)
recorded_data = click.option(
    "--data",
    metavar="digits|FOLDER|tfds:NAME",
    shell_complete=complete_data,
    help="Images with their classes, as in `train`; by default those that the model's file says it was trained on, "
    "else the digits.",
)


def output(help_text: str, *, required: bool = True) -> Callable[[F], F]:
    """Return `--output`: a file, or a folder where there are several."""
    return click.option("-o", "--output", type=click.Path(path_type=Path), required=required, help=help_text)


def file_argument(name: str) -> Callable[[F], F]:
    """Return an argument for a file that the verb itself checks, so that every fault is reported the same way."""
    return click.argument(name, type=PATH)


def model_argument(name: str, *, required: bool = True) -> Callable[[F], F]:
    """Return an argument for a file or a network's name; the shell offers both."""
    return click.argument(name, type=PATH_OR_NAME, required=required, shell_complete=complete_network_or_file)
