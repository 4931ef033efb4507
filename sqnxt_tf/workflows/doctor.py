"""What is installed here, and what is missing for which verb."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import sys
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Any

from sqnxt_base.json_text import parse_json_object
from sqnxt_base.user_files import read_bytes

_LARGEST_PACKAGE = 1 << 20  # bytes of a package.json
_DISTRIBUTION = "sqnxt-tf"
EXTRAS = {
    "base": "list, summary, reproduce, simulate, compare, accelerators, search of small spaces",
    "device": "benchmark, classify, evaluate, inspect, compress, decompress of artifacts",
    "camera": "classify --camera",
    "micro": "micro, `inspect --micro`",
    "npu": "benchmark --npu",
    "report": "pages and pictures: report, `simulate --roofline`, `benchmark --plot`",
    "search": "search of spaces too large to enumerate",
    "train": "train, prune, export, demo",
    "dev": "work on sqnxt-tf itself",
}
PROGRAMS = {"node": "runs npm", "npm": "brings `webdemo` what runs models in a browser"}
ANSWER_SECONDS = 2.0  # a program that has not printed its version by then is there, but does not work


@dataclass(frozen=True, slots=True)
class Package:
    """One requirement: the extra that it belongs to, and its installed version or None."""

    extra: str
    name: str
    installed: str | None


@dataclass(frozen=True, slots=True)
class Program:
    """A program from outside Python: its purpose, its path if found, and its version if it tells one."""

    name: str
    purpose: str
    path: str | None
    version: str | None


@dataclass(frozen=True, slots=True)
class Examination:
    """The machine, every package of every extra, and the programs from outside Python."""

    version: str
    python: str
    system: str
    processor: str
    cores: int
    packages: tuple[Package, ...]
    programs: tuple[Program, ...]

    def missing(self, extra: str) -> list[str]:
        """Return the packages of an extra that are not installed."""
        return [package.name for package in self.packages if package.extra == extra and package.installed is None]

    def to_json(self) -> dict[str, Any]:
        """Return the `doctor` document."""
        ready = {extra: not self.missing(extra) for extra in EXTRAS}
        return {
            **asdict(self),
            "packages": [asdict(package) for package in self.packages],
            "programs": [asdict(program) for program in self.programs],
            "ready": ready,
        }


def examine() -> Examination:
    """Look at the machine, the installed packages and programs; import no package."""
    return Examination(
        version=_installed(_DISTRIBUTION) or "not installed",
        python=sys.version.split()[0],
        system=platform.platform(),
        processor=_processor(),
        cores=os.cpu_count() or 1,
        packages=tuple(_packages()),
        programs=tuple(_program(name, purpose) for name, purpose in PROGRAMS.items()),
    )


def _program(name: str, purpose: str) -> Program:
    """Find a program and its version."""
    path = shutil.which(name)
    return Program(name=name, purpose=purpose, path=path, version=path and _version(Path(path), name))


def _version(path: Path, name: str) -> str | None:
    """Read a program's version from its package, for starting npm takes a quarter of a second; else ask it."""
    return _packaged_version(path, name) or _printed_version(path)


def _packaged_version(path: Path, name: str) -> str | None:
    """Return the version in the `package.json` that a JavaScript program lies beside; None if there is none."""
    try:
        package = parse_json_object(read_bytes(path.resolve().parents[1] / "package.json", _LARGEST_PACKAGE))
        return str(package["version"]) if package["name"] == name else None
    except (OSError, ValueError, LookupError, TypeError):
        return None


def _printed_version(path: Path) -> str | None:
    """Ask a program for its version; return None if it fails or does not answer."""
    command = [str(path), "--version"]
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True, timeout=ANSWER_SECONDS
        )
    except (OSError, ValueError, subprocess.SubprocessError):
        return None
    return done.stdout.strip().removeprefix("v") or None


def _packages() -> list[Package]:
    found = []
    try:
        requirements = requires(_DISTRIBUTION) or ()
    except PackageNotFoundError:  # a checkout that is not installed
        return []
    for requirement in requirements:
        name = re.split(r"[^\w.-]", requirement, maxsplit=1)[0]
        extra = re.search(r"""extra\s*==\s*["'](\w+)""", requirement)
        wanted = name.replace("_", "-") != _DISTRIBUTION and (extra is None or extra[1] in EXTRAS)
        if wanted and _is_for_this_machine(requirement):
            found.append(Package(extra[1] if extra else "base", name, _installed(name)))
    return sorted(found, key=lambda package: (list(EXTRAS).index(package.extra), package.name))


def _is_for_this_machine(requirement: str) -> bool:
    """Return whether pip would install it here: some packages have wheels for some processors only."""
    machines = re.findall(r"""(?:platform_machine|sys_platform)\s*==\s*["'](\w+)""", requirement)
    return not machines or platform.machine() in machines or sys.platform in machines


def _installed(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text("utf-8", "replace").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()
