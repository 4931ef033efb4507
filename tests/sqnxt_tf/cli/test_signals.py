"""Ctrl-C and SIGTERM at random moments of every long verb: nothing half-written, no temporary file, no child left over.

SQNXT_TF_SIGNALS sets how many signals each verb gets; 2 by default, since most verbs start TensorFlow.
`benchmarks/signals.py` sends many more, and keeps how each ended.
"""

from __future__ import annotations

import os
import random
import signal
from pathlib import Path

import pytest

from helpers.interrupted_verbs import ENDS, VERBS, interrupt, seconds_of, write_inputs

pytestmark = pytest.mark.slow

_COUNT = int(os.environ.get("SQNXT_TF_SIGNALS", "2"))
_ANSWER_SECONDS = 10  # two are promised of a verb that has begun; the rest is for a machine that does other things too


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with all that the verbs take."""
    return write_inputs(tmp_path_factory.mktemp("given"))


@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_that_is_ended_at_any_moment_leaves_nothing_behind(tmp_path: Path, given: Path, verb: str) -> None:
    length, source = seconds_of(verb, tmp_path / "whole", given), random.Random(verb)
    for attempt in range(_COUNT):
        number = (signal.SIGINT, signal.SIGTERM)[attempt % 2]
        end = interrupt(verb, number, source.uniform(0.1, 1) * length, tmp_path / str(attempt), given)
        assert end.code in ENDS, end
        assert end.code == 0 or end.seconds < _ANSWER_SECONDS, end
        assert "unexpected" not in end.said
        assert end.code < 0 or "Traceback" not in end.said, end
        assert end.left == ()
