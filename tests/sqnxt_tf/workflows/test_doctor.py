"""What `doctor` finds: requirements that are meant for other machines are not missing here; Node.js and npm."""

from __future__ import annotations

import platform
import sys
from pathlib import Path

import pytest

from sqnxt_tf.reports.results import doctor_lines
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


def _put(folder: Path, name: str, script: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)


def _webdemo_line() -> str:
    return next(line for line in doctor_lines(doctor.examine()) if line.startswith("webdemo"))


@pytest.mark.parametrize(
    ("node", "npm", "versions", "words"),
    [
        ("echo v20.1.0", "echo 11.2.0", ("20.1.0", "11.2.0"), "ready, node 20.1.0, npm 11.2.0"),
        (None, None, (None, None), "missing node, npm: install Node.js with npm"),
        ("echo v20.1.0", None, ("20.1.0", None), "missing npm: install Node.js with npm"),
        ("echo v20.1.0", "exit 1", ("20.1.0", None), "npm gives no version: reinstall"),
        ("exec /bin/sleep 60", "echo 11.2.0", (None, "11.2.0"), "node gives no version: reinstall"),
    ],
)
def test_node_and_npm_are_named_whatever_they_do(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    node: str | None,
    npm: str | None,
    versions: tuple[str | None, str | None],
    words: str,
) -> None:
    programs = tmp_path / "programs"
    for name, script in (("node", node), ("npm", npm)):
        if script is not None:
            _put(programs, name, script)
    monkeypatch.setattr(doctor, "ANSWER_SECONDS", 0.5)
    monkeypatch.setenv("PATH", str(programs))
    found = doctor.examine().to_json()["programs"]
    assert [program["name"] for program in found] == ["node", "npm"]
    assert tuple(program["version"] for program in found) == versions
    assert [program["path"] for program in found] == [
        None if script is None else str(programs / name) for name, script in (("node", node), ("npm", npm))
    ]
    assert words in _webdemo_line()


def test_npm_is_not_started_where_its_package_tells_the_version(tmp_path: Path) -> None:
    package = tmp_path / "npm"
    package.mkdir()
    _put(package / "bin", "npm-cli.js", f"touch {tmp_path}/was-started; echo 1.0.0")
    (package / "package.json").write_text('{"name": "npm", "version": "11.2.0"}')
    (tmp_path / "npm-link").symlink_to(package / "bin" / "npm-cli.js")
    assert doctor._version(tmp_path / "npm-link", "npm") == "11.2.0"
    assert not (tmp_path / "was-started").exists()
    for text in ("{", "[]", '{"name": "npm"}', '{"name": "other", "version": "3"}'):
        (package / "package.json").write_text(text)
        assert doctor._version(tmp_path / "npm-link", "npm") == "1.0.0"
