"""Options that mean the same wherever they stand.

Those of training are in `training_flags`, and the limits for files from anyone in `limit_flags`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar

import click

from sqnxt_tf.cli import interruption
from sqnxt_tf.cli.bundled_path import BundledPath, BundledPathOrName
from sqnxt_tf.cli.completion import complete_accelerator, complete_data, complete_network_or_file
from sqnxt_tf.cli.output import Output
from sqnxt_tf.cli.value_types import LARGEST_BATCH, MOST_THREADS, Bytes, Dimension, InputSize, Quantity

F = TypeVar("F", bound=Callable[..., Any])
Made = TypeVar("Made")
PRECISIONS = ("float32", "float16", "int16", "int16x8", "int8-weights", "int8")


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
    "--batch", type=click.IntRange(1, LARGEST_BATCH), help="Number of images, for a graph that leaves it free."
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
    "--threads", type=click.IntRange(1, MOST_THREADS), help="Number of threads of the runtime; it chooses by default."
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
