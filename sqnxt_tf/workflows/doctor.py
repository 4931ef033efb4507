"""What is installed here, and what is missing for what."""

from __future__ import annotations

import os
import platform
import re
import sys
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Any

_DISTRIBUTION = "sqnxt-tf"
EXTRAS = {
    "base": "list, summary, reproduce, simulate, compare, accelerators, search of small spaces",
    "device": "benchmark, classify, evaluate, inspect, compress, decompress of artifacts",
    "camera": "classify --camera",
    "report": "pages and pictures: report, `simulate --roofline`, `benchmark --plot`",
    "search": "search of spaces too large to enumerate",
    "train": "train, prune, export, demo",
    "dev": "work on sqnxt-tf itself",
}


@dataclass(frozen=True, slots=True)
class Package:
    """One requirement: the extra that it belongs to, and its installed version or None."""

    extra: str
    name: str
    installed: str | None


@dataclass(frozen=True, slots=True)
class Examination:
    """The machine, and every package of every extra."""

    version: str
    python: str
    system: str
    processor: str
    cores: int
    packages: tuple[Package, ...]

    def missing(self, extra: str) -> list[str]:
        """Packages of an extra that are not installed."""
        return [package.name for package in self.packages if package.extra == extra and package.installed is None]

    def to_json(self) -> dict[str, Any]:
        """The `doctor` document."""
        ready = {extra: not self.missing(extra) for extra in EXTRAS}
        return {**asdict(self), "packages": [asdict(package) for package in self.packages], "ready": ready}


def examine() -> Examination:
    """Look at the machine and at the installed packages; imports none of them."""
    return Examination(
        version=_installed(_DISTRIBUTION) or "not installed",
        python=sys.version.split()[0],
        system=platform.platform(),
        processor=_processor(),
        cores=os.cpu_count() or 1,
        packages=tuple(_packages()),
    )


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
    """Whether pip would install it here: some packages have wheels for some processors only."""
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
