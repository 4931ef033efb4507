"""Packages from npm: only pinned files are taken, and every fault is one line."""

from __future__ import annotations

import base64
import hashlib
import io
import os
import tarfile
from pathlib import Path

import pytest

from sqnxt_tf.errors import SqnxtError
from sqnxt_tf.webdemo.browser_runtimes import LICENSES, NpmPackage, RuntimeFile, runtimes_for
from sqnxt_tf.webdemo.npm import fetch_package

CONTENT = b"export const answer = 42;\n"


def tarball(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(f"package/{name}")
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def package(data: bytes, content: bytes = CONTENT, member: str = "dist/index.js") -> NpmPackage:
    integrity = f"sha512-{base64.b64encode(hashlib.sha512(data).digest()).decode()}"
    file = RuntimeFile(member, "deep/core.js", len(content), hashlib.sha256(content).hexdigest())
    return NpmPackage("@some/thing", "1.2.3", integrity, (file,))


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the tarball of a fake `npm pack`, which knows only @some/thing@1.2.3."""
    (tmp_path / "bin").mkdir()
    npm = tmp_path / "bin" / "npm"
    npm.write_text(
        '#!/bin/sh\n[ "$1 $2" = "pack @some/thing@1.2.3" ] || { echo "npm ERR! code E404" >&2; exit 1; }\n'
        '[ -f "$TARBALL" ] || { echo "npm error network getaddrinfo ENOTFOUND" >&2; echo "npm error A complete log of '
        'this run can be found in: /x" >&2; exit 1; }\n'
        'while [ "$1" != --pack-destination ]; do shift; done\ncp "$TARBALL" "$2/some-thing-1.2.3.tgz"\n'
    )
    npm.chmod(0o755)
    monkeypatch.setenv("PATH", f"{npm.parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("TARBALL", str(tmp_path / "registry.tgz"))
    return tmp_path / "registry.tgz"


def test_the_files_asked_for_come_out(registry: Path, tmp_path: Path) -> None:
    registry.write_bytes(data := tarball({"dist/index.js": CONTENT, "dist/huge.map": b"x" * 9999}))
    fetch_package(package(data), tmp_path / "site")
    assert (tmp_path / "site" / "deep" / "core.js").read_bytes() == CONTENT
    assert [path.name for path in (tmp_path / "site").rglob("*") if path.is_file()] == ["core.js"]


def test_another_tarball_is_refused(registry: Path, tmp_path: Path) -> None:
    registry.write_bytes(tarball({"dist/index.js": CONTENT.replace(b"42", b"43")}))
    with pytest.raises(SqnxtError, match=r"another checksum.*npm config get registry"):
        fetch_package(package(tarball({"dist/index.js": CONTENT})), tmp_path / "site")
    assert not (tmp_path / "site").exists()


@pytest.mark.parametrize("content", [CONTENT[:-1], CONTENT + b"more", CONTENT.replace(b"42", b"43")])
def test_another_file_in_the_right_tarball_is_refused(registry: Path, tmp_path: Path, content: bytes) -> None:
    registry.write_bytes(data := tarball({"dist/index.js": content}))
    with pytest.raises(SqnxtError, match=r"dist/index.js of @some/thing@1.2.3 with another checksum"):
        fetch_package(package(data), tmp_path / "site")


@pytest.mark.parametrize(
    "data", [b"no archive", tarball({"dist/other.js": CONTENT}), tarball({})[:20]], ids=["odd", "other", "cut"]
)
def test_a_tarball_without_the_file_is_refused(registry: Path, tmp_path: Path, data: bytes) -> None:
    registry.write_bytes(data)
    with pytest.raises(SqnxtError, match="cannot be unpacked"):
        fetch_package(package(data), tmp_path / "site")


def test_an_npm_that_fails_says_why(registry: Path, tmp_path: Path) -> None:
    with pytest.raises(SqnxtError, match=r"cannot fetch @some/thing@1.2.3 \(network getaddrinfo ENOTFOUND\); check"):
        fetch_package(package(b""), tmp_path / "site")


def test_without_npm_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SqnxtError, match=r"npm: is not installed.*apt install npm.*nodejs\.org"):
        fetch_package(package(b""), tmp_path / "site")


def test_every_runtime_is_pinned_and_brings_its_licence() -> None:
    runtimes = runtimes_for(["tflite", "onnx"])
    assert [runtime.format for runtime in runtimes] == ["tflite", "onnx"]
    assert runtimes_for(["onnx"]) == runtimes[1:]
    for runtime in runtimes:
        assert (LICENSES / runtime.license).stat().st_size > 1000
        for item in runtime.packages:
            assert item.version.count(".") == 2
            assert len(base64.b64decode(item.integrity.removeprefix("sha512-"))) == 64
            assert all(len(file.sha256) == 64 and file.bytes > 0 for file in item.files)
