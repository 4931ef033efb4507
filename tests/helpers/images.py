"""Folders of images."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image


def write_images(folder: Path, count: int = 6, classes: str = "ab", size: tuple[int, int] = (40, 30)) -> Path:
    """Write smooth random JPEGs, `count` a class, no two alike, and return their folder."""
    random = np.random.default_rng(0)
    for name in classes:
        (folder / name).mkdir(parents=True)
        for index in range(count):
            coarse = Image.fromarray(random.integers(0, 256, (5, 6, 3), np.uint8))
            coarse.resize(size, Image.Resampling.BICUBIC).save(folder / name / f"{index:02d}.jpg", quality=90)
    return folder
