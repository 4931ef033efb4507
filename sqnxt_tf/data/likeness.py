"""Photographs that look alike, found by a perceptual hash: copies that were resized, compressed again or retouched."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

HASH_BITS = 256
MOST_DIFFERENT = 16
"""Bits in which the hashes of two copies of one photograph may differ."""
_SIDE = 16  # pixels: neighbours in each of 16 rows of 17 are compared
_LEAST_CONTRAST = 8.0  # standard deviation of the small picture; below it, noise decides the bits
_BLOCK = 512  # hashes that are compared with all others at a time


def perceptual_hash(image: Any) -> NDArray[np.uint8] | None:
    """Return 256 bits of a pillow image, packed into uint8 [32]; None for a picture without contrast.

    Each bit says whether a pixel of the picture at 17x16, in grey, is darker than its right neighbour. Source: the
    difference hash of N. Krawetz, "Kind of Like That" (2013).
    """
    from PIL import Image

    small = image.convert("L").resize((_SIDE + 1, _SIDE), Image.Resampling.BOX)
    pixels = np.asarray(small, np.float32)
    if pixels.std() < _LEAST_CONTRAST:
        return None
    return np.packbits(pixels[:, :-1] < pixels[:, 1:])


def alike_pairs(hashes: NDArray[np.uint8], *, most: int = MOST_DIFFERENT) -> Iterator[tuple[int, int]]:
    """Yield the pairs of hashes, uint8 [n, 32], that differ in at most `most` bits; the lower index comes first."""
    words = np.ascontiguousarray(hashes).view(np.uint64)
    for start in range(0, len(words), _BLOCK):
        block = words[start : start + _BLOCK]
        rest = words[start:]
        distances = np.zeros((len(block), len(rest)), np.uint16)
        for place in range(words.shape[1]):
            distances += np.bitwise_count(block[:, place, None] ^ rest[None, :, place])
        for first, second in np.argwhere(distances <= most):
            if first < second:
                yield start + int(first), start + int(second)
