"""Frames of a webcam, read by OpenCV. It is an extra of its own, as it is larger than all other packages together."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sqnxt_tf.errors import SqnxtError


@contextmanager
def open_camera(source: str) -> Iterator[Iterator[NDArray[np.uint8]]]:
    """Yield an iterator over frames, uint8 [height, width, 3] in RGB, and release the camera at the end of the block.

    Args:
        source: The number of a camera, as in "0", or anything else that OpenCV opens: a device, a film, a stream's URL.

    Raises:
        SqnxtError: OpenCV is not installed, or the camera cannot be opened.
    """
    try:
        import cv2
    except ImportError:
        raise SqnxtError(
            "OpenCV", "is not installed and is needed for a camera", "run `pip install 'sqnxt-tf[camera]'`"
        ) from None
    capture = cv2.VideoCapture(int(source) if source.isdecimal() else source)
    try:
        if not capture.isOpened():
            raise SqnxtError(f"camera {source}", "cannot be opened", "plug one in, or give another number or device")
        capture.set(cv2.CAP_PROP_BUFFERSIZE, 1)  # the newest frame, not one of some frames ago
        yield _frames(capture, cv2.COLOR_BGR2RGB, cv2.cvtColor, source)
    finally:
        capture.release()


def _frames(capture: Any, conversion: int, convert: Any, source: str) -> Iterator[NDArray[np.uint8]]:
    seen = 0
    while True:
        there, frame = capture.read()
        if not there:
            if not seen:
                raise SqnxtError(f"camera {source}", "delivers no picture", "close other programs that use it")
            return
        seen += 1
        yield np.asarray(convert(frame, conversion), np.uint8)
