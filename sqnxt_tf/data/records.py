"""TFRecord files, record by record: the place of each record, and its bytes with their checksum verified.

A record is its length (8 bytes), the checksum of the length, the data, and the checksum of the data. A length is
compared with the size of the file before memory of that size is allocated, so that untrusted files are safe to read.

Source: TensorFlow's `core/lib/io/record_writer.h`.
"""

from __future__ import annotations

import os
import struct
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sqnxt_base.user_files import open_regular
from sqnxt_tf.data.unreadable_image import UnreadableImageError
from sqnxt_tf.errors import SqnxtError

LARGEST_RECORD = 64 * 2**20  # bytes: more than any photograph; parsing a record may take eight times as many
_HEADER, _CHECKSUM = struct.Struct("<QI"), struct.Struct("<I")
_GZIP = b"\x1f\x8b"


def framed(data: bytes) -> bytes:
    """Return a record as it is stored in a file."""
    length = struct.pack("<Q", len(data))
    return b"".join((length, _CHECKSUM.pack(checksum(length)), data, _CHECKSUM.pack(checksum(data))))


def checksum(data: bytes) -> int:
    """Return the CRC-32C of data, masked as in a TFRecord: rotated right by 15 bits, plus 0xA282EAD8.

    The mask is there because the CRC of data that contain their own CRC is degenerate.

    Raises:
        SqnxtError: The package google-crc32c is not installed.
    """
    try:
        import google_crc32c
    except ImportError:
        raise SqnxtError(
            "google-crc32c", "is not installed and is needed for TFRecords", "run `pip install 'sqnxt-tf[device]'`"
        ) from None
    crc: int = google_crc32c.value(data)
    return ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF


def find_records(path: Path) -> NDArray[np.int64]:
    """Return start and length of each record's data, in bytes, int64 [n, 2]; only the lengths are read.

    Raises:
        SqnxtError: The file cannot be read, or does not consist of whole records.
    """
    places: list[tuple[int, int]] = []
    descriptor = _open(path)
    try:
        size, start = os.fstat(descriptor).st_size, 0
        while start < size:
            header = os.pread(descriptor, _HEADER.size, start)
            if header.startswith(_GZIP) and not start:
                raise SqnxtError(path, "is compressed, and its records cannot be read one by one", "unpack it")
            length = _length(header, size - start)
            if length is None:
                raise SqnxtError(
                    path, f"is damaged at byte {start:,} of {size:,}, after {len(places):,} records", "write it again"
                )
            places.append((start + _HEADER.size, length))
            start += _HEADER.size + length + _CHECKSUM.size
    finally:
        os.close(descriptor)
    return np.array(places, np.int64).reshape(-1, 2)


def read_record(path: Path, start: int, length: int) -> bytes:
    """Read the data of one record.

    Raises:
        UnreadableImageError: The checksum is wrong, or the file has changed.
    """
    descriptor = _open(path)
    try:
        read = os.pread(descriptor, length + _CHECKSUM.size, start)
    except OSError as error:
        raise UnreadableImageError(path, f"cannot be read ({error.strerror})", "check the disk") from None
    finally:
        os.close(descriptor)
    data, stored = read[:length], read[length:]
    if len(stored) != _CHECKSUM.size or _CHECKSUM.unpack(stored)[0] != checksum(data):
        raise UnreadableImageError(path, f"the record at byte {start:,} has a wrong checksum", "write the file again")
    return data


def _length(header: bytes, available: int) -> int | None:
    """Return the length of a record's data, or None if the header is damaged or the file too short for it."""
    if len(header) != _HEADER.size:
        return None
    length, stored = _HEADER.unpack(header)
    whole = _HEADER.size + length + _CHECKSUM.size <= available and length <= LARGEST_RECORD
    return length if whole and stored == checksum(header[:8]) else None


def _open(path: Path) -> int:
    try:
        return open_regular(path)
    except OSError as error:
        raise UnreadableImageError(path, f"cannot be opened ({error.strerror})", "check the path") from None
