"""Power cuts by replay: every state in which a disk may be found after recorded calls were cut off at any moment.

A file keeps what was written before its last fsync for sure. Of what came later, nothing, the first half or all of it
may be there; a file that was never flushed may be empty. A name that was given, changed or removed is sure once its
folder has been flushed; of later changes, the disk may have any first few, as a journal does, or a single one alone.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path

_MOST_CHANGES = 12  # of names that are not sure; of more, so many are tried
_HEAD = struct.Struct("<cqII")  # operation, offset, lengths of path and data

Names = dict[str, "_Inode | None"]
"""Path -> a file, or None for a folder."""


@dataclass(frozen=True)
class Recorded:
    """One call: 'c'reate, 't'runcate, 'w'rite, 's'ynchronise, 'r'ename, e'x'change, 'u'nlink or 'm'kdir."""

    operation: str
    path: str
    offset: int
    data: bytes


@dataclass(eq=False)
class _Inode:
    """A file by whatever name: what is sure to be on the disk, and what was written since."""

    kept: bytes = b""
    since: list[Recorded] = field(default_factory=list)

    def contents(self, share: float) -> bytes:
        """Return the contents if the first `share` of what is not sure has reached the disk."""
        data = bytearray(self.kept)
        for change in self.since[: round(share * len(self.since))]:
            if change.operation == "t":
                del data[change.offset :]
                data.extend(bytes(change.offset - len(data)))
            else:
                data.extend(bytes(max(0, change.offset - len(data))))
                data[change.offset : change.offset + len(change.data)] = change.data
        if share == 0.5 and self.since and self.since[-1].operation == "w":
            return bytes(data[: max(len(self.kept), len(data) // 2)])  # a large write in the middle
        return bytes(data)


def read_calls(log: Path) -> list[Recorded]:
    """Read what `Faults.recorded` has written."""
    data, place, calls = log.read_bytes(), 0, []
    while place < len(data):
        operation, offset, path, size = _HEAD.unpack_from(data, place)
        place += _HEAD.size
        name = data[place : place + path].decode()
        calls.append(Recorded(operation.decode(), name, offset, data[place + path : place + path + size]))
        place += path + size
    return calls


class Disk:
    """A disk on which calls are replayed one by one."""

    def __init__(self, root: Path, folder: Path) -> None:
        """Take the files of `folder` as those that are on the disk for sure, below `root`."""
        self._names: Names = {}
        for path in sorted(folder.rglob("*")):
            name = str(root / path.relative_to(folder))
            self._names[name] = None if path.is_dir() else _Inode(path.read_bytes())
        self._sure: Names = dict(self._names)
        self._seen: set[frozenset[tuple[str, bytes | None]]] = set()
        self._changes: list[Recorded] = []  # of names, since their folders were flushed
        self._inodes: dict[int, _Inode | None] = {}  # identity of a change -> the file that it has made or moved

    def replay(self, call: Recorded) -> None:
        """Do what a call has done."""
        if call.operation in "wt":
            inode = self._names.get(call.path)
            if inode is not None:
                inode.since.append(call)
        elif call.operation == "s":
            self._synchronise(call.path)
        else:
            self._changes.append(call)
            self._inodes[id(call)] = _Inode() if call.operation == "c" else self._names.get(call.path)
            self._change(self._names, call)

    def states(self) -> Iterator[dict[str, bytes | None]]:
        """Yield what may be found after a cut and was not yielded before: the contents by path, None for a folder."""
        for kept, share in product(self._kept_changes(), (0.0, 0.5, 1.0)):
            names = dict(self._sure)
            for change in kept:
                self._change(names, change)
            state = {name: None if inode is None else inode.contents(share) for name, inode in names.items()}
            if (key := frozenset(state.items())) not in self._seen:
                self._seen.add(key)
                yield state

    def _kept_changes(self) -> Iterator[list[Recorded]]:
        last = len(self._changes)
        chosen = sorted({round(place * last / _MOST_CHANGES) for place in range(_MOST_CHANGES + 1)})
        for count in chosen:
            yield self._changes[:count]
        for place in chosen[:-1]:
            yield [self._changes[place]]

    def _synchronise(self, path: str) -> None:
        inode = self._names.get(path)
        if inode is not None:
            inode.kept, inode.since = inode.contents(1.0), []
            return
        kept = []
        for change in self._changes:
            if str(Path(change.path).parent) == path:
                self._change(self._sure, change)
            else:
                kept.append(change)
        self._changes = kept

    def _change(self, names: Names, call: Recorded) -> None:
        """Do to names what a call has done, as far as the disk has what it needs."""
        other = call.data.decode()
        if call.operation == "c":
            names.setdefault(call.path, self._inodes[id(call)])
        elif call.operation == "m":
            names.setdefault(call.path, None)
        elif call.operation == "u":
            names.pop(call.path, None)
        elif call.operation == "r" and (call.path in names or self._inodes[id(call)] is not None):
            for name in [name for name in names if _is_at(name, other)]:
                del names[name]
            if call.path in names:
                _move(names, call.path, other)
            else:  # the disk has the new name of a file, and never had the old one
                names[other] = self._inodes[id(call)]
        elif call.operation == "x" and call.path in names and other in names:
            _move(names, call.path, "/aside")
            _move(names, other, call.path)
            _move(names, "/aside", other)


def _is_at(name: str, path: str) -> bool:
    return name == path or name.startswith(f"{path}/")


def _move(names: Names, path: str, target: str) -> None:
    for name in [name for name in names if _is_at(name, path)]:
        names[target + name[len(path) :]] = names.pop(name)


def write_state(state: dict[str, bytes | None]) -> None:
    """Write a state to its folder, which is empty; what lies in a folder that is not there is lost."""
    for name, data in sorted(state.items(), key=lambda item: item[0]):
        path = Path(name)
        if not path.parent.is_dir():
            continue
        if data is None:
            path.mkdir(exist_ok=True)
        else:
            path.write_bytes(data)
