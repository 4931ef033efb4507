"""The error of one image, which is left out of the work on all others."""

from __future__ import annotations

from sqnxt_tf.errors import SqnxtError


class UnreadableImageError(SqnxtError):
    """An image cannot be read: it is damaged, of an unknown format, or its record is wrong."""
