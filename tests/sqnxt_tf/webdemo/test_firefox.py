"""The page in Firefox: Debian's firefox-esr, headless, driven over WebDriver BiDi by puppeteer-core."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from helpers.browsers import missing
from helpers.npm_packages import PUPPETEER, install
from helpers.strokes import DIGITS
from helpers.webdemo_page import KINDS, expected

pytestmark = pytest.mark.slow

PROGRAM = Path(__file__).parents[2] / "helpers" / "programs" / "firefox_page.mjs"


@pytest.fixture(scope="module")
def puppeteer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return install(PUPPETEER, tmp_path_factory.mktemp("puppeteer")).parent


def test_firefox_gives_pythons_logits_and_keeps_the_site(
    digit_site: str, digit_artifacts: Path, digit_pictures: list[Path], puppeteer: Path
) -> None:
    """Check every kind of artifact with three pictures, a drawing, the word of the service worker, and no error."""
    program = next(filter(None, map(shutil.which, ("firefox-esr", "firefox"))), None)
    if program is None:
        missing("no Firefox is installed")
    pictures = digit_pictures[:3]
    asked = {
        "firefox": program, "address": digit_site, "models": len(KINDS), "pictures": list(map(str, pictures)),
        "strokes": DIGITS[7],
    }  # fmt: skip
    command = ["node", str(PROGRAM), str(puppeteer)]
    done = subprocess.run(command, input=json.dumps(asked), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["version"].startswith("firefox/")
    assert told["errors"] == []
    asked_for = [(name, picture) for name in KINDS for picture in pictures]
    for answer, (name, picture) in zip(told["answers"], asked_for, strict=True):
        assert answer["model"] == name
        wanted = expected(digit_artifacts / name, picture)
        np.testing.assert_allclose(answer["outputs"], wanted, atol=1e-3, rtol=0, err_msg=name)
    assert told["drawn"] in set("0123456789")
    assert told["offline"] == "Works without a network from now on."
    assert told["latency"] > 0
