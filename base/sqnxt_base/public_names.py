"""Public names of a package, taken from one table: the `__init__.pyi` that type checkers read is also read at run time.

Each line `from package.module import Name as Name` of the stub makes `Name` public. Its module is imported when the
name is first used, so that importing the package takes a millisecond and loads nothing heavy.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

_OFFERED = re.compile(r"^from ([\w.]+) import (\w+) as \2$", re.MULTILINE)


def offer_public_names(package: str) -> tuple[list[str], Callable[[str], Any], Callable[[], list[str]]]:
    """Return `__all__`, `__getattr__` and `__dir__` for the package that is being imported.

    Args:
        package: The package's `__name__`; its stub stands beside its `__init__.py`.
    """
    module = sys.modules[package]
    stub = Path(str(module.__file__)).with_suffix(".pyi").read_text("utf-8")
    homes = {name: home for home, name in _OFFERED.findall(stub)}

    def get(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value = getattr(import_module(homes[name]), name)
        setattr(module, name, value)
        return value

    names = sorted(homes, key=_constants_then_classes_then_functions)
    return names, get, lambda: sorted({*names, *module.__dict__})


def _constants_then_classes_then_functions(name: str) -> tuple[bool, bool, str]:
    return not name.isupper(), name[0].islower(), name
