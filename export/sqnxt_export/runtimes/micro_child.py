"""The program of the process in which TensorFlow Lite Micro loads a file and runs it.

It runs apart, since the interpreter is C++ that ends the process for some files, and says what it refuses on stderr.
Its argument is one JSON object; the last line of its stdout is another. Arrays go through .npz files.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

_ALIGNMENT = 16
"""Bytes: TFLM aligns its arena to them, so a smaller step would tell nothing."""
_FIRST, _LARGEST = 1 << 12, 1 << 30
"""Bytes of the first arena that is tried, and of the last."""


def main(asked: Mapping[str, Any]) -> None:
    """Find the smallest arena of `model`, run it there, and save the outputs at the places `outputs` to `answers`.

    Its inputs are the arrays in the file `given`; where that is empty, zeros for each of its `count` inputs.
    """
    from tflite_micro import runtime

    data = Path(asked["model"]).read_bytes()
    arena = _smallest_arena(runtime, data)
    interpreter = runtime.Interpreter.from_bytes(data, arena_size=arena)
    for index in range(asked["count"]):
        interpreter.set_input(_values(interpreter, asked["given"], index), index)
    interpreter.invoke()
    np.savez(asked["answers"], *[interpreter.get_output(place) for place in asked["outputs"]])
    interpreter.print_allocations()
    sys.stdout.write(json.dumps({"bytes": arena, "version": version("tflite-micro")}) + "\n")


def _smallest_arena(runtime: Any, data: bytes) -> int:
    """Return the smallest arena in which the interpreter allocates the model's tensors, by bisection.

    Raises:
        RuntimeError: It does not allocate them in the largest arena either; why stands on stderr.
    """
    enough = _FIRST
    while not _fits(runtime, data, enough):
        if enough >= _LARGEST:
            raise RuntimeError("TFLM failed to allocate tensors")
        enough *= 2
    low, high = (0 if enough == _FIRST else enough // 2) // _ALIGNMENT, enough // _ALIGNMENT
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if _fits(runtime, data, middle * _ALIGNMENT) else (middle, high)
    return high * _ALIGNMENT


def _fits(runtime: Any, data: bytes, size: int) -> bool:
    """Tell whether an arena is large enough, in a fork: TFLM may end the process where it is not.

    What TFLM says to the largest arena is the reason why it refuses a file, and is left on stderr.
    """
    child = os.fork()
    if child == 0:
        if size < _LARGEST:
            os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        try:
            runtime.Interpreter.from_bytes(data, arena_size=size)
        except RuntimeError:
            os._exit(1)
        os._exit(0)
    return os.waitpid(child, 0)[1] == 0


def _values(interpreter: Any, given: str, index: int) -> Any:
    if given:
        with np.load(given, allow_pickle=False) as arrays:
            return arrays[f"arr_{index}"]
    details = interpreter.get_input_details(index)
    return np.zeros(details["shape"], details["dtype"])


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
