"""Packages from npm that tests use in a browser or in Node: one version each, nothing of theirs run by npm."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from helpers.browsers import missing

AXE = "axe-core@4.14.1"
PUPPETEER = "puppeteer-core@24.43.1"
"""The last major version that runs in the Node of Debian 12."""


def install(package: str, folder: Path) -> Path:
    """Install a package with what it needs into a folder, and return the folder of the package itself."""
    npm = shutil.which("npm")
    if npm is None:
        missing("no npm is installed")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "package.json").write_text('{"private": true}')
    command = [str(npm), "install", "--ignore-scripts", "--no-audit", "--no-fund", "--silent", package]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "node_modules" / package.rpartition("@")[0]
