"""LiteRT's C interface: the functions of the library in the wheel `ai-edge-litert`, called through ctypes.

The Python interface of the wheel has no profiler, its C library has one. A wrong signature may end the process, so the
library is opened only in versions with which these signatures were tried.

Source: the headers in litert/c of https://github.com/google-ai-edge/LiteRT, at v2.2.0 and after it.
"""

from __future__ import annotations

import ctypes
import importlib.metadata
import sys
from ctypes import POINTER, c_bool, c_char_p, c_int, c_int32, c_size_t, c_uint, c_uint32, c_uint64, c_void_p
from pathlib import Path
from typing import Any

from sqnxt_export._libraries import require
from sqnxt_export.errors import ExportError, one_line

KNOWN_VERSIONS = ("2.3.0",)
"""Versions of `ai-edge-litert` whose C interface is known to be the one below."""
PAYLOAD_DELETER = ctypes.CFUNCTYPE(None, c_void_p)
"""The type of function that frees the text of an option."""
LARGEST_RANK = 8
_PACKAGE = "ai-edge-litert"
_NAMES = {"win32": "libLiteRt.dll", "darwin": "libLiteRt.dylib"}
_REMEDY = "measure it without its layers"
_STATUSES = {
    1: "invalid argument",
    2: "out of memory",
    3: "failure",
    5: "unsupported",
    6: "not found",
    504: "compilation",
}


class Layout(ctypes.Structure):
    """`LiteRtLayout`: the sides of a tensor; a free one is negative."""

    _fields_ = (
        ("rank", c_uint, 7),
        ("has_strides", c_uint, 1),
        ("dimensions", c_int32 * LARGEST_RANK),
        ("strides", c_uint32 * LARGEST_RANK),
    )


class RankedTensorType(ctypes.Structure):
    """`LiteRtRankedTensorType`: TensorFlow Lite's number of a type, and the sides."""

    _fields_ = (("element_type", c_int), ("layout", Layout))


class ProfiledEvent(ctypes.Structure):
    """`ProfiledEventData`: one event, of one of the kinds in `litert_profiler_event.h`."""

    _fields_ = (
        ("tag", c_char_p),
        ("kind", c_int),
        ("start_us", c_uint64),
        ("elapsed_us", c_uint64),
        ("memory_before", c_size_t * 3),
        ("memory_after", c_size_t * 3),
        ("node", c_uint64),
        ("subgraph", c_uint64),
        ("source", c_int),
    )


_HANDLE, _INDEX = c_void_p, c_size_t
_SIGNATURES: dict[str, tuple[Any, ...]] = {
    "LiteRtCreateEnvironment": (c_int, c_void_p, POINTER(_HANDLE)),
    "LiteRtCreateModelFromFile": (_HANDLE, c_char_p, POINTER(_HANDLE)),
    "LiteRtGetModelSignature": (_HANDLE, _INDEX, POINTER(_HANDLE)),
    "LiteRtGetNumSignatureInputs": (_HANDLE, POINTER(_INDEX)),
    "LiteRtGetNumSignatureOutputs": (_HANDLE, POINTER(_INDEX)),
    "LiteRtGetSignatureInputTensorByIndex": (_HANDLE, _INDEX, POINTER(_HANDLE)),
    "LiteRtGetSignatureOutputTensorByIndex": (_HANDLE, _INDEX, POINTER(_HANDLE)),
    "LiteRtGetTensorName": (_HANDLE, POINTER(c_char_p)),
    "LiteRtGetRankedTensorType": (_HANDLE, POINTER(RankedTensorType)),
    "LiteRtCreateOptions": (POINTER(_HANDLE),),
    "LiteRtSetOptionsHardwareAccelerators": (_HANDLE, c_int),
    "LiteRtCreateOpaqueOptions": (c_char_p, c_void_p, PAYLOAD_DELETER, POINTER(_HANDLE)),
    "LiteRtAddOpaqueOptions": (_HANDLE, _HANDLE),
    "LiteRtCreateCompiledModel": (_HANDLE, _HANDLE, _HANDLE, POINTER(_HANDLE)),
    "LiteRtCompiledModelResizeInputTensor": (_HANDLE, _INDEX, _INDEX, POINTER(c_int), c_size_t),
    "LiteRtGetCompiledModelOutputTensorLayouts": (_HANDLE, _INDEX, c_size_t, POINTER(Layout), c_bool),
    "LiteRtCreateTensorBufferFromHostMemory": (
        POINTER(RankedTensorType), c_void_p, c_size_t, c_void_p, POINTER(_HANDLE),
    ),
    "LiteRtRunCompiledModel": (_HANDLE, _INDEX, c_size_t, POINTER(_HANDLE), c_size_t, POINTER(_HANDLE)),
    "LiteRtCompiledModelGetProfiler": (_HANDLE, POINTER(_HANDLE)),
    "LiteRtStartProfiler": (_HANDLE,),
    "LiteRtStopProfiler": (_HANDLE,),
    "LiteRtGetNumProfilerEvents": (_HANDLE, POINTER(c_int)),
    "LiteRtGetProfilerEvents": (_HANDLE, c_int, POINTER(ProfiledEvent)),
    "LiteRtDestroyTensorBuffer": (_HANDLE,),
    "LiteRtDestroyCompiledModel": (_HANDLE,),
    "LiteRtDestroyOptions": (_HANDLE,),
    "LiteRtDestroyModel": (_HANDLE,),
    "LiteRtDestroyEnvironment": (_HANDLE,),
}  # fmt: skip


class LiteRtLibrary:
    """The C library. Its handles are `c_void_p`; those of tensors and of a profiler belong to their model."""

    def __init__(self) -> None:
        """Open the library.

        Raises:
            ExportError: LiteRT is not installed, is of another version, or lacks the library or a function of it.
        """
        package = Path(require("ai_edge_litert.interpreter", "to run a .tflite file").__file__).parent
        self.version = importlib.metadata.version(_PACKAGE)
        if self.version not in KNOWN_VERSIONS:
            known = KNOWN_VERSIONS[-1]
            raise ExportError(
                f"{_PACKAGE} {self.version}",
                f"has a C interface that is not known here, so it cannot time layers; that of {known} is",
                f"install it with `pip install {_PACKAGE}=={known}`, or {_REMEDY}",
            )
        path = package / _NAMES.get(sys.platform, "libLiteRt.so")
        again = f"install the wheel of {_PACKAGE} {self.version} again, or {_REMEDY}"
        if not path.is_file():
            raise ExportError(path.name, f"is not in {package}, and is needed to time layers", again)
        try:
            self._library = ctypes.CDLL(str(path))
            for name, arguments in _SIGNATURES.items():
                function = getattr(self._library, name)
                function.argtypes = arguments
                function.restype = None if name.startswith("LiteRtDestroy") else c_int
        except (OSError, AttributeError) as error:
            raise ExportError(path, f"cannot time layers ({one_line(error)})", again) from error

    def call(self, name: str, *arguments: Any) -> None:
        """Call a function.

        Raises:
            LiteRtError: It returned another status than that all is well.
        """
        if status := getattr(self._library, name)(*arguments):
            raise LiteRtError(f"{name}: {_STATUSES.get(status, f'status {status}')}")

    def made(self, name: str, *arguments: Any) -> c_void_p:
        """Return the handle that a function writes to its last argument.

        Raises:
            LiteRtError: See `call`.
        """
        handle = c_void_p()
        self.call(name, *arguments, ctypes.byref(handle))
        return handle

    def free(self, name: str, handle: c_void_p) -> None:
        """Call a function that frees a handle."""
        getattr(self._library, name)(handle)


class LiteRtError(Exception):
    """A function of the C interface failed."""
