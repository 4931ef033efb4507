"""Requirements that are meant for other machines are not missing here."""

import platform
import sys

import pytest

from sqnxt_tf.workflows import doctor

REQUIREMENTS = [
    "numpy>=2.0",
    'fast>=1; (platform_machine == "x86_64" or sys_platform == "darwin") and extra == "device"',
]


@pytest.mark.parametrize(
    ("machine", "system", "found"),
    [("x86_64", "linux", ["numpy", "fast"]), ("aarch64", "linux", ["numpy"]), ("arm64", "darwin", ["numpy", "fast"])],
)
def test_requirements_of_this_machine(
    monkeypatch: pytest.MonkeyPatch, machine: str, system: str, found: list[str]
) -> None:
    monkeypatch.setattr(doctor, "requires", lambda _: REQUIREMENTS)
    monkeypatch.setattr(platform, "machine", lambda: machine)
    monkeypatch.setattr(sys, "platform", system)
    assert [package.name for package in doctor._packages()] == found
