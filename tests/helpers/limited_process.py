"""Files read in a process of its own, with limited memory and an alarm.

So a crash, a hang or an unbounded allocation in native code is a failed case and not the end of the tests.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path

SECONDS_A_CASE = 20
_BATCH = 1000
"""Files that are on disk at a time."""
_CHILD = """
import resource, signal, sys
{readers}
resource.setrlimit(resource.RLIMIT_AS, ({memory}, {memory}))
for path in sys.stdin.read().split():
    print(path, flush=True)
    for read in READERS:
        signal.alarm({seconds})
        try:
            read(path)
        except REFUSED as error:
            assert "\\n" not in str(error), error
        signal.alarm(0)
print("done")
"""


def read_in_limits(readers: str, paths: Iterable[Path], memory_bytes: int) -> None:
    """Read files, each by all readers, in one process.

    Args:
        readers: Python that defines READERS, functions of a path, and REFUSED, the error by which they refuse a file.
        paths: The files.
        memory_bytes: The address space that the process may take.

    Raises:
        AssertionError: The process did not end by itself, or said something; the message names the file.
    """
    program = _CHILD.format(readers=readers, memory=memory_bytes, seconds=SECONDS_A_CASE)
    given = "\n".join(map(str, paths))
    done = subprocess.run(
        [sys.executable, "-c", program], input=given, text=True, capture_output=True, timeout=900, check=False
    )
    last = done.stdout.split()[-1:] or ["the start"]
    assert done.returncode == 0, f"{last[0]} ended it with {done.returncode}: {done.stderr[-2000:]}"
    assert last == ["done"]
    assert done.stderr == ""


def read_batches(
    readers: str, make: Callable[[int], bytes], seeds: Iterable[int], named: Path, memory_bytes: int
) -> None:
    """Write the file of each seed, and read them in limits; files that were read are deleted.

    Args:
        readers: As of `read_in_limits`.
        make: Returns the bytes of a seed's file.
        seeds: The seeds.
        named: How the files are named; each has its seed before its suffix.
        memory_bytes: As of `read_in_limits`.
    """
    left = iter(seeds)
    while paths := list(_written(make, islice(left, _BATCH), named)):
        read_in_limits(readers, paths, memory_bytes)
        for path in paths:
            path.unlink()


def _written(make: Callable[[int], bytes], seeds: Iterable[int], named: Path) -> Iterator[Path]:
    for seed in seeds:
        path = named.with_name(f"{named.stem}-{seed}{named.suffix}")
        path.write_bytes(make(seed))
        yield path
