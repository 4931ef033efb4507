"""Pack folders of images into TFRecords, shard by shard: each is whole or absent, so that a killed run resumes."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from functools import partial
from os import cpu_count
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sqnxt_base.durable import is_temporary
from sqnxt_base.json_text import parse_json_object
from sqnxt_base.printable_text import one_line
from sqnxt_base.user_files import read_bytes
from sqnxt_export.artifact.files import whole_file
from sqnxt_tf.data.catalogue import CATALOGUE, Catalogue, Shard
from sqnxt_tf.data.data_source import DataKind, DataSource
from sqnxt_tf.data.digits import Split
from sqnxt_tf.data.encoded import EncodedImages
from sqnxt_tf.data.packing import fingerprint, record_of, shards_of
from sqnxt_tf.data.records import framed
from sqnxt_tf.data.unreadable import LIMIT, UnreadableImages
from sqnxt_tf.data.unreadable_image import UnreadableImageError
from sqnxt_tf.errors import SqnxtError
from sqnxt_tf.output_folder import check_output_folder
from sqnxt_tf.progress import Progress, silent

_STATE = "packing.json"
_LARGEST_STATE = 256 << 20  # bytes; a shard takes 200, and an image that was left out as much as its name
_AT_ONCE = 64  # images in memory
_OURS = re.compile(r"\.?(train|validation|test)-\d{5}-of-\d{5}(-[0-9a-f]{8})?")


@dataclass(frozen=True, slots=True, kw_only=True)
class PackedData:
    """The result of packing.

    Attributes:
        path: The folder of shards.
        images: Number of images packed, by part.
        shards: Number of shards of all parts.
        bytes: Size of all shards.
        unreadable: Fault of each image that was left out, by its source.
    """

    path: Path
    images: dict[str, int]
    shards: int
    bytes: int
    unreadable: dict[str, str]

    def to_json(self) -> dict[str, Any]:
        """Return the `data pack` document."""
        return {**asdict(self), "path": str(self.path), "unreadable": sorted(self.unreadable)}


@dataclass(slots=True)
class _State:
    """The finished part of a run, as `packing.json` holds it while the run is under way."""

    settings: dict[str, Any]
    shards: dict[str, Shard] = field(default_factory=dict)
    unreadable: dict[str, dict[str, str]] = field(default_factory=dict)


def pack(
    data: str | Path,
    output: str | Path,
    *,
    shards: int | None = None,
    max_unreadable: int = LIMIT,
    seed: int = 0,
    force: bool = False,
    progress: Progress = silent,
) -> PackedData:
    """Write the images of a folder as TFRecords in ImageNet's usual layout, with `dataset.json` to find them by.

    The same call again resumes a run that was killed. Images that cannot be read are left out and named. A run that
    ends because there are too many of them can be resumed with a higher limit; if no shard was finished, nothing stays.

    Args:
        data: A folder of images by class; one that is not divided into parts is packed as `train`.
        output: The folder to write.
        shards: Number of shards of each part; if None, shards of about 128 MB each, and at least 8.
        max_unreadable: The run ends when more images than this cannot be read.
        seed: Random seed of the order, which mixes the classes.
        force: Delete the shards of an earlier run and start afresh.
        progress: Called as the work goes on.

    Raises:
        SqnxtError, ExportError: No such folder, an output that holds something else, too many unreadable images.
    """
    source, output = DataSource.parse(data), Path(output)
    if source.kind is not DataKind.IMAGES:
        raise SqnxtError(source.name, "is not a folder of images", "give a folder with one sub-folder per class")
    parts: dict[Split, EncodedImages] = source.stored_parts() if source.is_divided else {"train": source.encoded_part()}
    settings = {"data": source.name, "files": fingerprint(parts), "shards": shards, "seed": seed}
    faults = UnreadableImages(limit=max_unreadable)
    state = _begin(output, settings, force=force)
    for found in state.unreadable.values():
        faults.found |= found
    catalogue = Catalogue(class_names=next(iter(parts.values())).class_names, shards=state.shards)
    writer = _Writer(output, state, faults, catalogue.first_label, progress)
    try:
        for split, images in parts.items():
            writer.write_part(split, images, shards_of(images, shards, seed))
    except SqnxtError:
        if not state.shards:  # there is nothing to resume
            _forget(output)
        raise
    _write(output / CATALOGUE, catalogue.to_json())
    (output / _STATE).unlink()
    names = {split: [Path(name) for name in state.shards if name.startswith(split)] for split in parts}
    return PackedData(
        path=output,
        images={split: catalogue.images_in(paths) for split, paths in names.items()},
        shards=len(state.shards),
        bytes=sum(shard.bytes for shard in state.shards.values()),
        unreadable=faults.found,
    )


def _begin(output: Path, settings: dict[str, Any], *, force: bool) -> _State:
    """Prepare the folder, and return the state of an earlier run that is to be resumed."""
    state = None if force else _read_state(output / _STATE)
    if state is None:
        check_output_folder(output, force=force)
        state = _State(settings)
    elif state.settings != settings:
        changed = [key for key in settings if state.settings.get(key) != settings[key]]
        raise SqnxtError(
            output,
            f"holds an unfinished run of other settings ({', '.join(changed)})",
            "give the same settings to resume it, or pass `force=True` to start afresh",
        )
    output.mkdir(parents=True, exist_ok=True)
    if force:
        (output / CATALOGUE).unlink(missing_ok=True)
    for path in output.iterdir():
        if is_temporary(path.name) or (_OURS.fullmatch(path.name) and path.name not in state.shards):
            path.unlink()
    _write_state(output, state)
    return state


@dataclass(frozen=True, slots=True)
class _Writer:
    output: Path
    state: _State
    faults: UnreadableImages
    first_label: int
    progress: Progress

    def write_part(self, split: str, images: EncodedImages, plan: list[NDArray[np.int64]]) -> None:
        """Write the shards of one part that are still missing."""
        tell = partial(self.progress, f"packing {split}")
        done = 0
        with ThreadPoolExecutor(cpu_count()) as pool:
            for number, indices in enumerate(plan):
                name = f"{split}-{number:05d}-of-{len(plan):05d}"
                if name not in self.state.shards:
                    before = set(self.faults.found)
                    self.state.shards[name] = self._write_shard(name, images, indices, pool, tell, done)
                    new = self.faults.found.keys() - before
                    self.state.unreadable[name] = {source: self.faults.found[source] for source in new}
                    _write_state(self.output, self.state)
                done += len(indices)
                tell(done, len(images))

    def _write_shard(
        self,
        name: str,
        images: EncodedImages,
        indices: NDArray[np.int64],
        pool: Executor,
        tell: Callable[[int, int], None],
        done: int,
    ) -> Shard:
        """Write one file of records, whole or not at all."""
        digest, count, size = hashlib.sha256(), 0, 0

        def record(index: int) -> bytes | None:
            try:
                return framed(record_of(images, index, self.first_label))
            except UnreadableImageError as error:
                self.faults.add(images.sources[index], error)
                return None

        with whole_file(self.output / name, force=True) as part, part.open("wb") as file:
            for start in range(0, len(indices), _AT_ONCE):
                for data in pool.map(record, indices[start : start + _AT_ONCE].tolist()):
                    if data is not None:
                        file.write(data)
                        digest.update(data)
                        count, size = count + 1, size + len(data)
                self.faults.check()
                tell(done + min(start + _AT_ONCE, len(indices)), len(images))
        return Shard(images=count, bytes=size, sha256=digest.hexdigest())


def _read_state(path: Path) -> _State | None:
    try:
        document = parse_json_object(read_bytes(path, _LARGEST_STATE))
        shards = {name: Shard(**shard) for name, shard in document["shards"].items()}
        state = _State(document["settings"], shards, document["unreadable"])
        _check_state(state)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise SqnxtError(path, f"is damaged ({one_line(error, 100)})", "pass `force=True` to start afresh") from None
    return state


def _check_state(state: _State) -> None:
    """Raise a ValueError unless everything is of the type that `_write_state` writes."""
    if not isinstance(state.settings, dict):
        raise ValueError("settings")
    for name, shard in state.shards.items():
        if not _OURS.fullmatch(name) or not shard.is_plain:
            raise ValueError(f"shard {name[:40]!r}")
    for found in state.unreadable.values():
        if not all(isinstance(text, str) for text in found.values()):
            raise ValueError("unreadable")


def _forget(output: Path) -> None:
    """Remove the state of a run, and its folder unless it holds something else."""
    (output / _STATE).unlink(missing_ok=True)
    with suppress(OSError):  # it is not empty
        output.rmdir()


def _write_state(output: Path, state: _State) -> None:
    _write(output / _STATE, asdict(state))


def _write(path: Path, document: dict[str, Any]) -> None:
    with whole_file(path, force=True) as part:
        part.write_text(json.dumps(document, indent=1) + "\n", "utf-8")
