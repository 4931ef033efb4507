"""The scripts of `benchmarks/` as modules, which find their neighbours there as when they are run."""

from __future__ import annotations

import importlib.util
import sys
from types import ModuleType

from helpers.repository import ROOT

_FOLDER = ROOT / "benchmarks"


def load_benchmark(name: str) -> ModuleType:
    """Return a script as a new module, under a name that no package has."""
    spec = importlib.util.spec_from_file_location(f"{name}_benchmark", _FOLDER / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(_FOLDER))
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(_FOLDER))
    return module
