"""`kill -9` at random moments: whatever a run was doing, the next attempt goes on and ends with the same weights."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

KILLS = 24


@pytest.mark.slow
def test_runs_that_are_killed_at_random_moments_end_with_the_same_weights(tmp_path: Path) -> None:
    program = Path(__file__).with_name("killed_runs.py")
    done = subprocess.run(
        [sys.executable, program, tmp_path, str(KILLS)], capture_output=True, text=True, check=False, timeout=500
    )
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report["kills"] == KILLS
    assert len(report["saved"]) > KILLS / 4, report  # at many different steps, not at one
    assert report["digests"]
    assert set(report["digests"]) == {report["whole"]}
