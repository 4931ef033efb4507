"""Fetch packages from npm. The tarball is checked by npm's integrity, and each extracted file by its SHA-256."""

from __future__ import annotations

import base64
import hashlib
import shutil
import subprocess
import tarfile
from pathlib import Path

from sqnxt_base.opening import temporary_folder
from sqnxt_tf.errors import SqnxtError
from sqnxt_tf.webdemo.browser_runtimes import NpmPackage, RuntimeFile

_FETCH_SECONDS = 600
_LARGEST_TARBALL = 256 << 20


def find_npm() -> str:
    """Return the path of npm.

    Raises:
        SqnxtError: Npm is not installed.
    """
    npm = shutil.which("npm")
    if npm is None:
        raise SqnxtError(
            "npm",
            "is not installed and is needed to fetch the files that run models in a browser",
            "install Node.js with npm (Debian, Ubuntu, Raspberry Pi OS: `sudo apt install npm`; elsewhere from "
            "https://nodejs.org)",
        )
    return npm


def fetch_package(package: NpmPackage, folder: Path) -> None:
    """Write the files of `package` below `folder`, each to its `target`.

    Npm uses its configured registry, or its own cache if that has the package.

    Raises:
        SqnxtError: Npm is not installed or cannot fetch the package, or a checksum differs.
    """
    with temporary_folder() as place:
        tarball = _pack(find_npm(), package, place)
        _check_integrity(package, tarball)
        _unpack(package, tarball, folder)


def _pack(npm: str, package: NpmPackage, place: Path) -> Path:
    """Download the tarball with `npm pack`, which runs none of its scripts."""
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
        raise SqnxtError("npm", f"did not fetch {wanted} within {_FETCH_SECONDS} s", "check the network") from None
    tarballs = list(place.glob("*.tgz"))
    if done.returncode or len(tarballs) != 1:
        raise SqnxtError("npm", f"cannot fetch {wanted} ({_reason(done.stderr)})", "check the network and `npm ping`")
    return tarballs[0]


def _reason(stderr: str) -> str:
    """Return the last of npm's error lines that gives a reason, without the path of its log."""
    lines = [
        line.partition("error ")[2] for line in stderr.splitlines() if line.lower().startswith(("npm err", "npm error"))
    ]
    told = [line.strip() for line in lines if line.strip() and "complete log" not in line and "_logs" not in line]
    return told[-1][:200] if told else "npm gave no reason"


def _check_integrity(package: NpmPackage, tarball: Path) -> None:
    if tarball.stat().st_size > _LARGEST_TARBALL:
        raise SqnxtError(
            "npm", f"delivered {package.name} of more than {_LARGEST_TARBALL >> 20} MiB", "check npm's registry"
        )
    with tarball.open("rb") as file:
        digest = hashlib.file_digest(file, "sha512").digest()
    if f"sha512-{base64.b64encode(digest).decode()}" != package.integrity:
        raise _tampered(package, "the package")


def _unpack(package: NpmPackage, tarball: Path, folder: Path) -> None:
    try:
        with tarfile.open(tarball, "r:gz") as archive:
            for file in package.files:
                target = folder / file.target
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(_member(package, archive, file))
    except (tarfile.TarError, KeyError, EOFError) as error:
        raise SqnxtError(
            "npm", f"delivered {package.name}, which cannot be unpacked ({error})", "check npm's registry"
        ) from error


def _member(package: NpmPackage, archive: tarfile.TarFile, file: RuntimeFile) -> bytes:
    source = archive.extractfile(f"package/{file.member}")
    data = source.read(file.bytes + 1) if source else b""
    if len(data) != file.bytes or hashlib.sha256(data).hexdigest() != file.sha256:
        raise _tampered(package, file.member)
    return data


def _tampered(package: NpmPackage, what: str) -> SqnxtError:
    return SqnxtError(
        "npm",
        f"delivered {what} of {package.name}@{package.version} with another checksum than this release was tested with",
        "check which registry npm asks with `npm config get registry`",
    )
