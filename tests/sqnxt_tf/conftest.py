"""Fixtures of the tests of `sqnxt_tf`."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from .browsers import chromium_launcher

MakeImages = Callable[..., Path]


@pytest.fixture(scope="session")
def launch_chromium() -> Iterator[Callable[..., Any]]:
    """Starts a headless Chromium with the given arguments."""
    with chromium_launcher() as launch:
        yield launch


@pytest.fixture(scope="session")
def make_images() -> MakeImages:
    """Write a folder of smooth random JPEGs, `count` a class, no two alike."""

    def make(folder: Path, count: int = 6, classes: str = "ab", size: tuple[int, int] = (40, 30)) -> Path:
        random = np.random.default_rng(0)
        for name in classes:
            (folder / name).mkdir(parents=True)
            for index in range(count):
                coarse = Image.fromarray(random.integers(0, 256, (5, 6, 3), np.uint8))
                coarse.resize(size, Image.Resampling.BICUBIC).save(folder / name / f"{index:02d}.jpg", quality=90)
        return folder

    return make
