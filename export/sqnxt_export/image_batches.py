"""Images in batches of one size, as graphs with a fixed batch need them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray


def batches(images: NDArray[np.float32], size: int) -> Iterator[NDArray[np.float32]]:
    """Yield `images` [n, ...] in order, `size` at a time; the last batch may be smaller."""
    for start in range(0, len(images), size):
        yield images[start : start + size]


def filled(images: NDArray[np.float32], size: int) -> NDArray[np.float32]:
    """Return a batch [n, ...] filled up to `size` by repeating its last image, unchanged if already full."""
    missing = size - len(images)
    return images if missing <= 0 else np.concatenate([images, np.repeat(images[-1:], missing, axis=0)])
