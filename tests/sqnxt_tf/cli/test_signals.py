"""Ctrl-C and SIGTERM at random moments of every long verb: nothing half-written, no temporary file, no child left over.

SQNXT_TF_SIGNALS sets how many signals each verb gets; 4 by default, since most verbs start TensorFlow.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from helpers.keras_networks import save_dense

pytestmark = pytest.mark.slow

_COUNT = int(os.environ.get("SQNXT_TF_SIGNALS", "4"))
_SECONDS = 2.0
_ANSWER_SECONDS = 30 if os.environ.get("CI") else 10  # a machine may do other things too; the promise is two seconds
"""How long a verb may take to end: its own patience, and time for a busy machine to notice."""


def inputs(folder: Path) -> None:
    """Write what the verbs below take."""
    save_dense(folder / "dense.keras")
    random_pixels = np.random.default_rng(0)
    for number in range(60):
        place = folder / "photos" / "ab"[number % 2] / f"{number}.png"
        place.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(random_pixels.integers(0, 256, (120, 120, 3), np.uint8)).save(place)
