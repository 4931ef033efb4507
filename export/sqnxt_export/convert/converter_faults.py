"""Faults of the disk in TensorFlow's TFLite converter, which hides some of them and tells others in its own way.

The converter first saves the traced function to a temporary folder. If that fails it says nothing, and goes on with a
graph that lacks the names of inputs and outputs, so that the fault would seem to be the model's.
"""

from __future__ import annotations

import contextlib
import errno
import os
import tempfile
from collections.abc import Iterator
from typing import Any

from sqnxt_base.opening import temporary_fault, temporary_folder
from sqnxt_export._libraries import require

_FAULTS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS, errno.EACCES, errno.EPERM, errno.EMFILE)


def run_converter(converter: Any, function: Any, module: Any) -> bytes:
    """Run a converter that was made from a concrete function.

    Args:
        converter: The converter.
        function: The concrete function.
        module: The object that keeps its variables alive.

    Raises:
        SqnxtError: The folder for temporary files cannot be written or read, as on a full disk.
        Exception: The converter's own.
    """
    with _faults_of_disk():
        try:
            data: bytes = converter.convert()
        except Exception:
            if converter.saved_model_dir:
                raise
        if not converter.saved_model_dir:  # it is set once the function is saved
            _save(function, module)
            data = converter.convert()  # the fault was a passing one
        return data


def _save(function: Any, module: Any) -> None:
    """Save a function as the converter does, for the error that this raises."""
    tensorflow = require("tensorflow", "to convert to TFLite")
    with temporary_folder() as folder:
        options = tensorflow.saved_model.SaveOptions(save_debug_info=True)
        tensorflow.saved_model.save(module, str(folder), signatures=function, options=options)


@contextlib.contextmanager
def _faults_of_disk() -> Iterator[None]:
    """Report errors of TensorFlow that the disk has caused.

    TensorFlow has classes of its own and loses the number of the error, but its messages hold the system's words.

    Raises:
        SqnxtError: The folder for temporary files cannot be written or read.
        Exception: The block's own.
    """
    try:
        yield
    except OSError as error:
        if error.filename and not os.fspath(error.filename).startswith(tempfile.gettempdir()):
            raise
        raise temporary_fault(error) from error
    except Exception as error:
        message = str(error)
        for number in _FAULTS:
            if f"; {os.strerror(number)}" in message:
                raise temporary_fault(OSError(number, os.strerror(number))) from error
        raise
