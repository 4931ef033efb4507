"""Fixtures of all packages."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from helpers.commands import Answer, run_cli

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")  # small layers: twice as fast so on two cores


@pytest.fixture
def cli(tmp_path: Path) -> Callable[..., Answer]:
    """Return `run_cli`, which runs the command line as a process of its own, in an empty folder."""
    return functools.partial(run_cli, cwd=tmp_path)
