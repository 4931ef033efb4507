"""Which files of which npm packages run models in a browser: pinned, each with its checksum.

`runtimes.json` is the list. To take a newer release, put its version, the `dist.integrity` that `npm view` prints and
the files' SHA-256 there; the tests in a real browser say whether it still does.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
LICENSES = HERE / "licenses"
"""The licences of the runtimes; neither npm package brings its own."""


@dataclass(frozen=True, slots=True)
class RuntimeFile:
    """A file of a package: its path in there, and in the runtime's folder of the site."""

    member: str
    target: str
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Package:
    """An npm package at one version. `integrity` is that of its tarball, as npm writes it: `sha512-` and base64."""

    name: str
    version: str
    integrity: str
    files: tuple[RuntimeFile, ...]


@dataclass(frozen=True, slots=True)
class Runtime:
    """What runs the models of one format. `folder` is where its files are in the site, `license` a file of ours."""

    name: str
    format: str
    folder: str
    license: str
    packages: tuple[Package, ...]

    @property
    def version(self) -> str:
        """The version of the package that gives the runtime its name."""
        return self.packages[0].version


def runtimes_for(formats: Iterable[str]) -> list[Runtime]:
    """The runtimes that models of these formats ("tflite", "onnx") need."""
    table: dict[str, dict[str, Any]] = json.loads((HERE / "runtimes.json").read_text())
    wanted = set(formats)
    return [_runtime(name, row) for name, row in table.items() if row["format"] in wanted]


def _runtime(name: str, row: dict[str, Any]) -> Runtime:
    packages = [
        Package(item["name"], item["version"], item["integrity"], tuple(RuntimeFile(**file) for file in item["files"]))
        for item in row["packages"]
    ]
    return Runtime(name, row["format"], row["folder"], row["license"], tuple(packages))
