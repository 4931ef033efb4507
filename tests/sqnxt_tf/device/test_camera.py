"""Tests of a camera behind OpenCV's interface; OpenCV itself is an extra that the tests do not need."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from sqnxt_tf.device.camera import open_camera
from sqnxt_tf.errors import SqnxtError


class Capture:
    """The used part of cv2.VideoCapture, with frames in BGR."""

    made: list[Capture] = []  # noqa: RUF012 - the test looks at what was opened

    def __init__(self, source: int | str) -> None:
        self.source, self.left, self.released = source, {0: 3, 1: 0}.get(source, 1), False  # type: ignore[call-overload]
        Capture.made.append(self)

    def isOpened(self) -> bool:  # noqa: N802
        return self.source != 9

    def set(self, name: int, value: int) -> None:
        self.buffered = (name, value)

    def read(self) -> tuple[bool, Any]:
        self.left -= 1
        return self.left >= 0, np.full((2, 3, 3), (1, 2, 3), np.uint8)

    def release(self) -> None:
        self.released = True


@pytest.fixture(autouse=True)
def opencv(monkeypatch: pytest.MonkeyPatch) -> None:
    Capture.made.clear()
    module = SimpleNamespace(
        VideoCapture=Capture, COLOR_BGR2RGB=4, CAP_PROP_BUFFERSIZE=38, cvtColor=lambda frame, code: frame[..., ::-1]
    )
    monkeypatch.setitem(sys.modules, "cv2", module)  # type: ignore[arg-type]


def test_frames_come_in_rgb_until_the_source_ends_and_the_camera_is_released() -> None:
    with open_camera("0") as frames:
        seen = list(frames)
    assert len(seen) == 3
    assert seen[0].shape == (2, 3, 3)
    assert seen[0][0, 0].tolist() == [3, 2, 1]
    assert [(one.source, one.released, one.buffered) for one in Capture.made] == [(0, True, (38, 1))]


def test_a_device_or_a_film_is_named_as_it_is() -> None:
    with open_camera("/dev/video2") as frames:
        assert next(frames).dtype == np.uint8
    assert Capture.made[0].source == "/dev/video2"


def test_no_camera_no_picture_and_no_opencv_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SqnxtError, match="camera 9: cannot be opened"), open_camera("9"):
        pass
    with pytest.raises(SqnxtError, match="camera 1: delivers no picture"), open_camera("1") as frames:
        next(frames)
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(SqnxtError, match=r"sqnxt-tf\[camera\]"), open_camera("0"):
        pass
    assert all(one.released for one in Capture.made)
