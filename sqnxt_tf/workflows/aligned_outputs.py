"""The outputs of two files brought into one order and one layout, so that they can be compared."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sqnxt_tf.errors import SqnxtError

if TYPE_CHECKING:
    from sqnxt_export import Runner


def align_outputs(
    left: Runner, right: Runner, reference: tuple[NDArray[Any], ...], values: tuple[NDArray[Any], ...]
) -> tuple[list[NDArray[Any]], str]:
    """Return the outputs of the second file in the order and shape of the first one's, and what was tried for it.

    Outputs are matched by name where both files have the same names, else by their order.

    Raises:
        SqnxtError: They have different numbers of outputs, or other shapes.
    """
    if len(reference) != len(values):
        fault = f"returns {len(values)} outputs and {left.path} {len(reference)}"
        raise SqnxtError(right.path, fault, "compare files of one network")
    names = [info.name for info in right.outputs]
    order = [names.index(info.name) for info in left.outputs] if _same_names(left, right) else range(len(values))
    aligned, notes = [], []
    for wanted, given in zip(reference, (values[place] for place in order), strict=True):
        moved = np.moveaxis(given, 1, -1) if given.ndim > 3 else given
        if wanted.shape == given.shape and (wanted.shape != moved.shape or _nearer(wanted, given, moved)):
            aligned.append(given)
        elif wanted.shape == moved.shape:
            aligned.append(moved)
            notes.append(f"{right.path} does not tell the layout of its map, and NCHW agrees best")
        elif given.size == wanted.size and {1} >= set(_extra_sides(wanted, given)):
            aligned.append(given.reshape(wanted.shape))
        else:
            raise _shape_error(left, right, wanted, given)
    return aligned, ", ".join(dict.fromkeys(notes))


def _same_names(left: Runner, right: Runner) -> bool:
    names = [sorted(info.name for info in runner.outputs) for runner in (left, right)]
    return names[0] == names[1] and len(set(names[0])) == len(names[0])


def _nearer(wanted: NDArray[Any], given: NDArray[Any], moved: NDArray[Any]) -> bool:
    """Tell whether an output is nearer to the reference as it is than with its channels moved to the end."""
    return bool(np.mean((wanted - given) ** 2) <= np.mean((wanted - moved) ** 2))


def _extra_sides(wanted: NDArray[Any], given: NDArray[Any]) -> list[int]:
    """Return the sides by which two shapes differ, beyond those that they share in order."""
    long, short = sorted((list(wanted.shape), list(given.shape)), key=len, reverse=True)
    for side in short:
        if side in long:
            long.remove(side)
    return long


def _shape_error(left: Runner, right: Runner, wanted: NDArray[Any], given: NDArray[Any]) -> SqnxtError:
    if wanted.ndim == given.ndim == 2:
        fault = f"knows {given.shape[1]} classes and {left.path} {wanted.shape[1]}"
    else:
        sides = ["x".join(map(str, array.shape[1:])) for array in (given, wanted)]
        fault = f"returns {sides[0]} per sample and {left.path} {sides[1]}"
    return SqnxtError(right.path, fault, "compare files of one network")
