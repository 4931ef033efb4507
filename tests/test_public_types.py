"""Whatever a public function takes or returns can be imported from a package's top.

The test begins at `__all__` of each package and resolves the type hints of its functions and classes. Every class of
ours that they name must itself be a public name, of the package under test or of the class's own package.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator
from functools import cache, cached_property
from importlib import import_module
from types import FunctionType, ModuleType
from typing import Any, TypeVar, get_args, get_type_hints

import pytest

PACKAGES = ("sqnxt_export", "sqnxt_sim", "sqnxt_tf")


def is_ours(thing: Any) -> bool:
    return getattr(thing, "__module__", "").partition(".")[0] in (*PACKAGES, "sqnxt_base")


@cache
def namespace(module: str) -> dict[str, Any]:
    """The names that a type hint of the module may use: its own, and those imported for type checkers only."""
    loaded = import_module(module)
    names = dict(vars(loaded))
    for node in ast.parse(inspect.getsource(loaded)).body:
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            exec(compile(ast.Module(node.body, type_ignores=[]), module, "exec"), names)
    return names


def hints(annotated: Any, module: str) -> dict[str, Any]:
    return get_type_hints(annotated, globalns=namespace(module))


def plain_function(member: Any) -> FunctionType | None:
    """The function beneath a property, a class or static method, or a decorator."""
    if isinstance(member, property):
        member = member.fget
    elif isinstance(member, cached_property):
        member = member.func
    member = inspect.unwrap(member) if callable(member) else member
    return member if isinstance(member, FunctionType) else None


def functions(owner: type) -> Iterator[FunctionType]:
    """Public methods and property getters in the class's own source, special methods too.

    What `dataclass` generates is left out: its hints repeat those of the fields, and may come from another module.
    """
    for name, member in vars(owner).items():
        function = plain_function(member)
        if function is None or function.__code__.co_filename.startswith("<"):
            continue
        if not name.startswith("_") or name.endswith("__"):
            yield function


def annotations(public: Any) -> Iterator[tuple[str, Any]]:
    """Where a type stands, and the type: of parameters, results and fields of a public function or class."""
    if inspect.isclass(public):
        for owner in filter(is_ours, public.__mro__):
            fields = {name: hint for name, hint in inspect.get_annotations(owner).items() if not name.startswith("_")}
            for name, hint in hints(type("Fields", (), {"__annotations__": fields}), owner.__module__).items():
                yield f"{public.__name__}.{name}", hint
            for method in functions(owner):
                for name, hint in hints(method, owner.__module__).items():
                    yield f"{public.__name__}.{method.__name__}({name})", hint
    elif (function := plain_function(public)) is not None:
        for name, hint in hints(function, function.__module__).items():
            yield f"{function.__name__}({name})", hint


def classes(hint: Any) -> Iterator[type]:
    """The classes of ours in a type hint, in its arguments and bounds too."""
    if isinstance(hint, TypeVar):
        hint = (hint.__bound__, *hint.__constraints__)
    if isinstance(hint, tuple | list):
        for part in hint:
            yield from classes(part)
    elif get_args(hint):
        yield from classes(get_args(hint))
        yield from classes(getattr(hint, "__origin__", None))
    elif inspect.isclass(hint) and is_ours(hint):
        yield hint


def offers(package: ModuleType, wanted: type) -> bool:
    name = wanted.__name__
    return name in getattr(package, "__all__", ()) and getattr(package, name) is wanted


def test_types_are_found_in_fields_properties_methods_and_functions() -> None:
    sim = import_module("sqnxt_sim")
    places = [*annotations(sim.simulate_workload), *annotations(sim.NetworkReport)]
    found = {place: set(classes(hint)) for place, hint in places}
    assert found["simulate_workload(dataflow)"] == {sim.Dataflow}
    assert found["simulate_workload(return)"] == {sim.NetworkReport}
    assert found["NetworkReport.layers"] == {sim.LayerCost, sim.VectorCost, sim.OffArrayNode}
    assert found["NetworkReport.peak_activations(return)"] == {sim.LiveActivations}
    assert found["NetworkReport.live_bytes(live)"] == {sim.LiveActivations}


@pytest.mark.parametrize("package", PACKAGES)
def test_every_type_of_a_public_name_is_public(package: str) -> None:
    top = import_module(package)
    missing: dict[str, list[str]] = {}
    for public in (getattr(top, name) for name in top.__all__):
        for place, hint in annotations(public):
            for wanted in classes(hint):
                home = import_module(wanted.__module__.partition(".")[0])
                if not (offers(top, wanted) or offers(home, wanted)):
                    missing.setdefault(f"{wanted.__module__}.{wanted.__name__}", []).append(place)
    assert not missing, "add to the package's __init__.pyi:\n" + "\n".join(
        f"  {name}, which stands in {', '.join(sorted(set(places))[:3])}" for name, places in sorted(missing.items())
    )
