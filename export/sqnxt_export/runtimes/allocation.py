"""A bound on the memory that a file can make Keras allocate."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from sqnxt_base.opening import opening
from sqnxt_export._libraries import require
from sqnxt_export.artifact.keras_file import CONFIG
from sqnxt_export.errors import ExportError

SPARE_BYTES = 1 << 20
"""Allowance for variables that are not stored as weights, such as seeds and counters."""


@contextlib.contextmanager
def allocating_at_most(path: Path, stored: int) -> Iterator[None]:
    """Open a file within the limits of `opening`, and refuse variables beyond its `stored` bytes of weights.

    Keras initialises every weight that the config describes, and only then looks whether the file has values for it.
    Only variables need a bound of their own, since a model is not run while it is built; each is refused before it is
    allocated.
    """
    tensorflow = require("tensorflow", "to load a .keras file")
    left = stored + SPARE_BYTES

    def create(next_creator: Callable[..., Any], **options: Any) -> Any:
        nonlocal left
        size = tensorflow.as_dtype(options.get("dtype") or "float32").size
        left -= math.prod(options.get("shape") or ()) * size
        if left < 0:
            raise ExportError(
                path, f"refused, since {CONFIG} describes more weights than the file holds", "save it again"
            )
        return next_creator(**options)

    with opening(path), tensorflow.variable_creator_scope(create):
        yield
