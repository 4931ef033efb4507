"""Errors of the simulator's frontend, which reads artifacts for this package too, as errors of this package."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqnxt_base.errors import SqnxtError
from sqnxt_export.errors import ExportError


@contextmanager
def as_export_errors() -> Iterator[None]:
    """Report errors of the simulator's frontend as errors of this package."""
    try:
        yield
    except ExportError:
        raise
    except SqnxtError as error:
        raise ExportError(error.object, error.fault, error.remedy) from error
