"""What decoding an image may cost: a number of scans, and seconds of processor time.

The pixels of an image are limited by its header alone, but not the work on them. A progressive JPEG may refine all its
pixels in thousands of scans of ten bytes each, and a PNG may divide a few bytes among millions of chunks.
"""

from __future__ import annotations

import re
from io import BytesIO
from time import thread_time

from sqnxt_tf.data.unreadable_image import UnreadableImageError

DEADLINE_SECONDS = 10.0
"""Processor time of one image: the largest that is read takes a tenth of it, and a busy machine takes no more of it."""
_MOST_SCANS = 100  # encoders write 10, and libtiff refuses more than 100
_MOST_WORK = 2_500_000_000  # pixels in all scans together: 25 scans of the largest image
_SCAN, _END = 0xDA, 0xD9
_MARKER = re.compile(rb"\xff([\x02-\xcf\xd9-\xfe])")  # neither a stuffed zero nor a restart


class DatedBytes(BytesIO):
    """The bytes of an image that can be read until its decoder has taken too long.

    A decoder that waits for more bytes ends with the error; it counts the processor time of the thread that made this.
    """

    def __init__(self, data: bytes, seconds: float = DEADLINE_SECONDS) -> None:
        super().__init__(data)
        self._seconds = seconds
        self._until = thread_time() + seconds

    def read(self, size: int | None = -1, /) -> bytes:
        """Return the next bytes.

        Raises:
            TimeoutError: The time is over.
        """
        self._check()
        return super().read(size)

    def readline(self, size: int | None = -1, /) -> bytes:
        """Return the next line; see `read`."""
        self._check()
        return super().readline(size)

    def _check(self) -> None:
        if thread_time() > self._until:
            raise TimeoutError(f"decoding it takes more than {self._seconds:g} s")


def check_scans(data: bytes, pixels: int, source: str) -> None:
    """Refuse a JPEG of so many scans that decoding it would take seconds.

    Raises:
        UnreadableImageError: It has more than 100 scans, or too many for its size.
    """
    scans = count_scans(data, _MOST_SCANS + 1)
    if scans > _MOST_SCANS or scans * pixels > _MOST_WORK:
        many = f"more than {_MOST_SCANS}" if scans > _MOST_SCANS else str(scans)
        raise UnreadableImageError(
            source, f"is a JPEG of {many} scans, which would take too long to decode", "save it again or remove it"
        )


def count_scans(data: bytes, most: int) -> int:
    """Return the number of scans of a JPEG, counted up to `most`, from its markers alone."""
    if (bound := data.count(bytes((0xFF, _SCAN)))) <= 1:
        return bound
    scans, place = 0, 2
    while scans < most and (match := _MARKER.search(data, place)):
        marker = match[1][0]
        if marker == _END:
            break
        scans += marker == _SCAN
        length = int.from_bytes(data[match.end() : match.end() + 2], "big")
        place = match.end() + max(length, 2)
    return scans
