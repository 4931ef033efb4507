"""Packages from npm, checked twice: the tarball by npm's own integrity, and each file that is taken out of it."""

from __future__ import annotations

import base64
import hashlib
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path

from sqnxt_tf.errors import SqnxtError
from sqnxt_tf.webdemo.browser_runtimes import Package, RuntimeFile

_FETCH_SECONDS = 600
_LARGEST_TARBALL = 256 << 20


def find_npm() -> str:
    """The npm program.

    Raises:
        SqnxtError: It is not installed.
    """
    npm = shutil.which("npm")
    if npm is None:
        raise SqnxtError(
            "npm is not installed and brings the files that run models in a browser; install Node.js with "
            "npm (Debian, Ubuntu, Raspberry Pi OS",
            "`sudo apt install npm`",
            "elsewhere from https://nodejs.org)",
        )
    return npm


def fetch(package: Package, folder: Path) -> None:
    """Put the files of `package` below `folder`, by their `target`.

    npm asks the registry that it is set to, or its own cache where that has the package.

    Raises:
        SqnxtError: Npm is missing or cannot get the package, or something in it is not what was pinned.
    """
    with tempfile.TemporaryDirectory(prefix="sqnxt-npm-") as place:
        tarball = _pack(find_npm(), package, Path(place))
        _check_integrity(package, tarball)
        _unpack(package, tarball, folder)


def _pack(npm: str, package: Package, place: Path) -> Path:
    """`npm pack` of a published package downloads its tarball and runs nothing of it."""
    wanted = f"{package.name}@{package.version}"
    command = [npm, "pack", wanted, "--ignore-scripts", "--prefer-offline", "--pack-destination", str(place)]
    try:
        done = subprocess.run(
            command,
            cwd=place,
            capture_output=True,
            text=True,
            check=False,
            timeout=_FETCH_SECONDS,
            stdin=subprocess.DEVNULL,
        )
    except subprocess.TimeoutExpired:
        raise SqnxtError("npm", f"{wanted} did not come within {_FETCH_SECONDS} s", "check the network") from None
    tarballs = list(place.glob("*.tgz"))
    if done.returncode or len(tarballs) != 1:
        raise SqnxtError("npm", f"cannot fetch {wanted} ({_reason(done.stderr)})", "check the network and `npm ping`")
    return tarballs[0]


def _reason(stderr: str) -> str:
    """The last of npm's error lines that says something, without the path of its log."""
    lines = [
        line.partition("error ")[2] for line in stderr.splitlines() if line.lower().startswith(("npm err", "npm error"))
    ]
    told = [line.strip() for line in lines if line.strip() and "complete log" not in line and "_logs" not in line]
    return told[-1][:200] if told else "it gave no reason"


def _check_integrity(package: Package, tarball: Path) -> None:
    if tarball.stat().st_size > _LARGEST_TARBALL:
        raise SqnxtError("npm", f"{package.name} is larger than {_LARGEST_TARBALL >> 20} MiB", "check npm's registry")
    with tarball.open("rb") as file:
        digest = hashlib.file_digest(file, "sha512").digest()
    if f"sha512-{base64.b64encode(digest).decode()}" != package.integrity:
        raise _tampered(package, "the package")


def _unpack(package: Package, tarball: Path, folder: Path) -> None:
    try:
        with tarfile.open(tarball, "r:gz") as archive:
            for file in package.files:
                target = folder / file.target
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(_member(package, archive, file))
    except (tarfile.TarError, KeyError, EOFError) as error:
        raise SqnxtError("npm", f"{package.name} cannot be unpacked ({error})", "check npm's registry") from error


def _member(package: Package, archive: tarfile.TarFile, file: RuntimeFile) -> bytes:
    source = archive.extractfile(f"package/{file.member}")
    data = source.read(file.bytes + 1) if source else b""
    if len(data) != file.bytes or hashlib.sha256(data).hexdigest() != file.sha256:
        raise _tampered(package, file.member)
    return data


def _tampered(package: Package, what: str) -> SqnxtError:
    return SqnxtError(
        "npm",
        f"{what} of {package.name}@{package.version} is not what this release was tested with (its checksum differs)",
        "check which registry npm asks with `npm config get registry`",
    )
