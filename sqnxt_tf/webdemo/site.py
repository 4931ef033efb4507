"""Write the site: page, models and runtimes in one folder, completely or not at all."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqnxt_base.json_text import parse_json_object
from sqnxt_base.printable_text import printable
from sqnxt_base.user_files import read_bytes
from sqnxt_tf.errors import SqnxtError
from sqnxt_tf.output_folder import check_output_folder, replaced_folder
from sqnxt_tf.progress import Progress, silent
from sqnxt_tf.webdemo.browser_runtimes import HERE, LICENSES, BrowserRuntime, runtimes_for
from sqnxt_tf.webdemo.npm import fetch_package, find_npm
from sqnxt_tf.webdemo.offline_parts import write_offline_parts
from sqnxt_tf.webdemo.web_models import WebModel, describe_models

PAGE = HERE / "page"
_MODELS, _CONTENTS = "models.json", "contents.json"
_GENERATOR = "sqnxt-tf webdemo"
_LARGEST_CONTENTS = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A site that was written: its folder, its contents and their bytes."""

    folder: Path
    models: tuple[WebModel, ...]
    runtimes: tuple[BrowserRuntime, ...]
    files: tuple[str, ...]
    bytes: int

    @property
    def notes(self) -> list[str]:
        """What was assumed about models without complete metadata."""
        return [f"{model.path}: {note}" for model in self.models for note in model.notes]

    def to_json(self) -> dict[str, Any]:
        """Return the `webdemo` document."""
        return {
            "output": str(self.folder),
            "models": [{**model.to_json(), "path": str(model.path)} for model in self.models],
            "runtimes": [{"name": runtime.name, "version": runtime.version} for runtime in self.runtimes],
            "files": len(self.files),
            "bytes": self.bytes,
        }


def write_webdemo(
    models: Sequence[str | Path],
    output: str | Path,
    *,
    title: str | None = None,
    preprocessing: str | None = None,
    labels: str | Path | None = None,
    force: bool = False,
    progress: Progress = silent,
) -> Site:
    """Write a static site that runs `models` in a visitor's browser.

    Args:
        models: `.tflite` and `.onnx` files; the page switches between them.
        output: The folder to write. It is written completely or not at all.
        title: The page's heading; by default the network of the first model.
        preprocessing: How images are prepared: imagenet, plain, 0..1, -1..1, 0..255 or a TOML file; each file's own if
            None.
        labels: A file with one label a line; the files' own labels if None.
        force: Replace an earlier site.
        progress: Called with the progress.

    Raises:
        SqnxtError: No browser can run a model, npm is not installed or cannot reach its registry, or the folder holds
            something else.
        ExportError: A model does not exist or is damaged, or the runtime that checks it is not installed.
    """
    folder = Path(output)
    check_site(folder, force=force)
    find_npm()
    described = describe_models(models, preprocessing=preprocessing, labels=labels)
    runtimes = runtimes_for(model.format for model in described)
    with replaced_folder(folder) as part:
        _copy_page(part)
        _copy_models(described, part)
        _copy_runtimes(runtimes, part, progress)
        write_offline_parts(part, _write_models(described, title, part))
        files = _write_contents(part)
        size = sum((part / name).stat().st_size for name in files)
        check_site(folder, force=force)  # fetching may have taken minutes
    return Site(folder=folder, models=tuple(described), runtimes=tuple(runtimes), files=tuple(files), bytes=size)


def check_site(folder: Path, *, force: bool) -> None:
    """Refuse a folder that is not empty, before any work is done. With `force`, it may hold a site of ours only.

    Raises:
        SqnxtError: The site cannot be written there.
    """
    check_output_folder(folder, force=force)
    if not folder.name or folder.name == "..":
        raise SqnxtError(folder, "has no name", "give the name of a folder")
    if folder.is_symlink():
        raise SqnxtError(folder, "is a link", "give the folder that it leads to")
    if not folder.is_dir():
        return
    ours = _contents(folder)
    held = (path for path in sorted(folder.rglob("*")) if not path.is_dir() or path.is_symlink())
    if strange := next((name for path in held if (name := path.relative_to(folder).as_posix()) not in ours), None):
        raise SqnxtError(folder, f"holds {strange!r}, which is not part of an earlier site", "choose another folder")


def _contents(folder: Path) -> set[str]:
    """Return the files that a site lists as its own; none if the folder is not a site of ours."""
    path = folder / _CONTENTS
    try:
        listed = parse_json_object(read_bytes(path, _LARGEST_CONTENTS))
        return set(map(str, listed["files"])) if listed["generator"] == _GENERATOR else set()
    except (OSError, ValueError, KeyError, TypeError):
        return set()


def _write_contents(part: Path) -> list[str]:
    """Write and return the sorted list of the site's files, so that a later call may replace them."""
    names = [path.relative_to(part).as_posix() for path in part.rglob("*") if path.is_file()]
    names = sorted([*names, _CONTENTS])
    (part / _CONTENTS).write_text(json.dumps({"generator": _GENERATOR, "files": names}, indent=1))
    return names


def _write_models(models: Sequence[WebModel], title: str | None, part: Path) -> str:
    """Write the description of the models, which the page reads first, and return the title."""
    usual = "Handwritten digits" if all(model.digits for model in models) else models[0].network or "Image classifier"
    described = [model.to_json() for model in models]
    shown = printable(title or usual)
    page = {"generator": _GENERATOR, "title": shown, "models": list(map(_shown_on_page, described))}
    (part / _MODELS).write_text(json.dumps(page, indent=1))
    return shown


def _shown_on_page(model: dict[str, Any]) -> dict[str, Any]:
    """Return the description of a model with the texts as the page shows them."""
    texts = {name: printable(text) for name, text in model.items() if isinstance(text, str)}
    return {**model, **texts, "labels": list(map(printable, model["labels"]))}


def _copy_page(part: Path) -> None:
    """Copy the files of the page; `shutil.copytree` would say of a full disk that many files have failed."""
    for source in sorted(PAGE.rglob("*")):  # a folder comes before its files
        target = part / source.relative_to(PAGE)
        if source.is_dir():
            target.mkdir()
        else:
            shutil.copyfile(source, target)


def _copy_models(models: Sequence[WebModel], part: Path) -> None:
    (part / "models").mkdir()
    for model in models:
        shutil.copyfile(model.path, part / model.file)


def _copy_runtimes(runtimes: Sequence[BrowserRuntime], part: Path, progress: Progress) -> None:
    """Fetch the runtimes' files from npm, and copy the licences that the packages lack."""
    packages = [(runtime, package) for runtime in runtimes for package in runtime.packages]
    for done, (runtime, package) in enumerate(packages):
        progress("fetching from npm", done, len(packages))
        fetch_package(package, part / runtime.folder)
    for runtime in runtimes:
        shutil.copyfile(LICENSES / runtime.license, part / runtime.folder / "LICENSE.txt")
    progress("fetching from npm", len(packages), len(packages))
