"""The parts of a site that let a visitor install it, and use it without a network."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

from sqnxt_base.printable_text import printable

WORKER = "service-worker.js"
_MANIFEST = "app.webmanifest"
_LARGE = ("models/", "runtimes/")
_LONGEST_NAME = 60


def write_offline_parts(site: Path, title: str) -> None:
    """Write the manifest of an app, and the version and the files of the page into its service worker.

    Args:
        site: The folder with all other files of the site.
        title: The app's name.
    """
    name = printable(title)[:_LONGEST_NAME]
    manifest = {
        "name": name,
        "short_name": name,
        "id": "./",
        "start_url": "./",
        "scope": "./",
        "display": "standalone",
        "background_color": "#f3f4f7",
        "theme_color": "#2f6fed",
        "icons": [{"src": "icon.svg", "sizes": "any", "type": "image/svg+xml", "purpose": "any"}],
    }
    (site / _MANIFEST).write_text(json.dumps(manifest, indent=1))
    names = sorted(path.relative_to(site).as_posix() for path in site.rglob("*") if path.is_file())
    names.remove(WORKER)
    page = [name for name in names if not name.startswith(_LARGE)]
    described = json.dumps({"version": _version(site, [*names, WORKER]), "files": page}, indent=1)
    worker = site / WORKER
    worker.write_text(f"const SITE = {described};\n\n{worker.read_text('utf-8')}", "utf-8")


def _version(site: Path, names: Sequence[str]) -> str:
    """Return a hash of the names and contents of files: another file is another version."""
    digest = hashlib.sha256()
    for name in names:
        with (site / name).open("rb") as file:
            digest.update(f"{name}\0{hashlib.file_digest(file, 'sha256').hexdigest()}\n".encode())
    return digest.hexdigest()[:16]
