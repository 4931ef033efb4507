"""Fixtures of the tests of `sqnxt_tf`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from helpers.browsers import chromium_launcher
from helpers.images import write_images


@pytest.fixture(scope="session")
def launch_chromium() -> Iterator[Callable[..., Any]]:
    """Yield a function that starts a headless Chromium with the given arguments."""
    with chromium_launcher() as launch:
        yield launch


@pytest.fixture(scope="session")
def make_images() -> Callable[..., Path]:
    """Return `write_images`, which writes a folder of smooth random JPEGs."""
    return write_images
