"""What happens on a machine without a browser."""

from __future__ import annotations

import pytest

from helpers.browsers import missing


def test_a_missing_browser_skips_for_a_person_and_fails_in_ci(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match=r"no Chromium .* `\.ci/run` shows how to install it"):
        missing("no Chromium is installed")
    monkeypatch.setenv("CI", "true")
    with pytest.raises(pytest.fail.Exception, match="no Chromium"):
        missing("no Chromium is installed")
