"""Which output of a file holds one score a class, and what a file returns in place of classes."""

from __future__ import annotations

from sqnxt_export import Metadata, Runner, TensorInfo
from sqnxt_tf.errors import SqnxtError

_FLOATS = ("float16", "float32", "float64")


def class_output(runner: Runner, metadata: Metadata) -> int:
    """Return the place of the output that holds one score a class.

    It is the only output that is a vector of two numbers or more (with sides of one around it), or the one that has as
    many numbers as there are labels.

    Raises:
        SqnxtError: There is none, or several could be it; the message says what the file returns.
    """
    fitting = [place for place, info in enumerate(runner.outputs) if _is_vector(info)]
    if len(fitting) > 1 and metadata.labels:
        fitting = [place for place in fitting if max(runner.outputs[place].shape) == len(metadata.labels)]
    if len(fitting) == 1:
        return fitting[0]
    returned = " and ".join(map(describe_output, runner.outputs))
    raise SqnxtError(
        runner.path,
        f"is not a classifier: it returns {returned} for an image",
        "give a file with one score a class" if not fitting else "give `labels` that tell which output is meant",
    )


def describe_output(info: TensorInfo) -> str:
    """Return what an output looks like, as in "a map of 32x32x2 (logits)"."""
    sides = "x".join("?" if side < 0 else str(side) for side in info.shape)
    kind = "text" if info.dtype in ("str", "string", "object") else _KINDS.get(len(info.shape), "an array of")
    if info.shape in ((), (1,)):
        kind, sides = "a single number", ""
    elif len(info.shape) == 2 and info.shape[-1] == 4:
        kind = "boxes of"
    return f"{kind} {sides}".strip() + f" ({info.name[:40]}, {info.dtype})"


_KINDS = {1: "a vector of", 2: "a sequence of", 3: "a map of", 4: "a volume of"}


def _is_vector(info: TensorInfo) -> bool:
    """Tell whether an output is a vector of two numbers or more; an unknown side may be one."""
    if info.dtype not in _FLOATS:
        return False
    long = [side for side in info.shape if side != 1]
    return len(long) == 1 and len(info.shape) >= 1
