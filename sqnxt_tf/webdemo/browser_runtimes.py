"""The files of npm packages that run models in a browser: pinned versions with checksums.

`runtimes.json` is the list. To update a runtime, enter its version, the `dist.integrity` that `npm view` prints, and
the SHA-256 of its files. The tests in a real browser tell whether the new version works.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
LICENSES = HERE / "licenses"
"""The licences of the runtimes, which their npm packages do not contain."""


@dataclass(frozen=True, slots=True)
class RuntimeFile:
    """A file of a package: `member` is its path in the package, `target` its path in the runtime's folder."""

    member: str
    target: str
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class NpmPackage:
    """An npm package at one version. `integrity` is its tarball's checksum in npm's form: `sha512-` and base64."""

    name: str
    version: str
    integrity: str
    files: tuple[RuntimeFile, ...]


@dataclass(frozen=True, slots=True)
class BrowserRuntime:
    """The runtime for models of one format. `folder` is its folder in the site, `license` a file of `LICENSES`."""

    name: str
    format: str
    folder: str
    license: str
    packages: tuple[NpmPackage, ...]

    @property
    def version(self) -> str:
        """The version of the package that gives the runtime its name."""
        return self.packages[0].version


def runtimes_for(formats: Iterable[str]) -> list[BrowserRuntime]:
    """Return the runtimes that models of these formats ("tflite", "onnx") need."""
    table: dict[str, dict[str, Any]] = json.loads((HERE / "runtimes.json").read_text())
    wanted = set(formats)
    return [_runtime(name, row) for name, row in table.items() if row["format"] in wanted]


def _runtime(name: str, row: dict[str, Any]) -> BrowserRuntime:
    packages = [
        NpmPackage(
            item["name"], item["version"], item["integrity"], tuple(RuntimeFile(**file) for file in item["files"])
        )
        for item in row["packages"]
    ]
    return BrowserRuntime(name, row["format"], row["folder"], row["license"], tuple(packages))
