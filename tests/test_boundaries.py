"""Who may import whom (CONTRIBUTING.md): looked at in fresh interpreters, and in the source."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from helpers.commands import run_python

PACKAGES = ("sqnxt_tf", "sqnxt_export", "sqnxt_sim")
EVERY = (*PACKAGES, "sqnxt_base")
HEAVY = {"tensorflow", "tf2onnx", "tf_keras", "tensorflow_model_optimization", "onnxruntime", "ai_edge_litert"}
HEAVY |= {"constriction"}
BASE = {"click", "numpy", "onnx", "rich"}  # what the base install brings
DEVICE = {"PIL", "ai_edge_litert", "onnxruntime"}
TRAIN = {"tensorflow", "tensorflow_model_optimization", "tf2onnx", "tf_keras"}

# The room of the simulator that reads files, which the exporter may enter too, and what it stands on.
FRONTEND = "sqnxt_sim.frontend"
FRONTEND_NEEDS = {"sqnxt_sim", "sqnxt_sim.errors", "sqnxt_sim.layer_limits", "sqnxt_sim.shown", "sqnxt_sim.workload"}

# module (or package) -> what of ours and of others it may import, anywhere in it, lazily too; the longest name counts
RULES = {
    "sqnxt_base": {"sqnxt_base"},
    "sqnxt_sim": {"sqnxt_base", "sqnxt_sim", "numpy", "onnx"},
    "sqnxt_export": {"sqnxt_base", "sqnxt_export", "numpy", "onnx", *DEVICE, *TRAIN, "h5py"},
    "sqnxt_export.artifact": {"sqnxt_base", "sqnxt_export", FRONTEND, "numpy", "onnx", "PIL", "h5py"},
    "sqnxt_export.compression": {"sqnxt_base", "sqnxt_export", FRONTEND, "numpy", "onnx", "constriction"},
    "sqnxt_export.runtimes": {
        "sqnxt_base",
        "sqnxt_export",
        "numpy",
        "onnx",
        *DEVICE,
        *(TRAIN - {"tf2onnx"}),
        "keras",
        "h5py",
        "tflite_micro",
    },
    "sqnxt_tf": {
        "sqnxt_base",
        "sqnxt_tf",
        "sqnxt_export",
        "sqnxt_sim",
    },  # the top shows the siblings' error classes too
    "sqnxt_tf.accuracy": {"sqnxt_base", "sqnxt_tf", "numpy"},
    "sqnxt_tf.errors": {"sqnxt_base"},
    "sqnxt_tf.progress": {"sqnxt_base"},
    "sqnxt_tf.networks": {"sqnxt_base", "sqnxt_tf", "numpy", *TRAIN},
    "sqnxt_tf.data": {
        "sqnxt_base",
        "sqnxt_tf",
        "numpy",
        "PIL",
        "pillow_heif",
        "google",
        "google_crc32c",
        "tensorflow_datasets",
        *TRAIN,
    },
    "sqnxt_tf.training": {"sqnxt_base", "sqnxt_tf", "numpy", *TRAIN},
    "sqnxt_tf.device": {"sqnxt_base", "sqnxt_tf", "sqnxt_export", "numpy", "PIL", "cv2"},
    "sqnxt_tf.device.layer_shares": {"sqnxt_base", "sqnxt_tf", "sqnxt_sim", "numpy"},
    "sqnxt_tf.device.npu_layers": {"sqnxt_base", "sqnxt_tf", "sqnxt_sim"},
    "sqnxt_tf.evolution": {"sqnxt_base", "sqnxt_tf", "numpy", "tf_keras"},
    "sqnxt_tf.exploration": {"sqnxt_base", "sqnxt_tf", "sqnxt_sim", "numpy", "optuna", "sqlalchemy"},
    "sqnxt_tf.paper": {"sqnxt_base", "sqnxt_tf", "sqnxt_export", "sqnxt_sim", "numpy"},
    "sqnxt_tf.supernet": {"sqnxt_base", "sqnxt_tf", "numpy", "tensorflow"},
    "sqnxt_tf.reports": {
        "sqnxt_base",
        "sqnxt_tf",
        "sqnxt_export",
        "sqnxt_sim",
        "numpy",
        "rich",
        "matplotlib",
        "plotly",
    },
    "sqnxt_tf.htmlreport": {"sqnxt_base", "sqnxt_tf", "sqnxt_export", "sqnxt_sim", "jinja2"},
    "sqnxt_tf.evolution.narrowing": {"sqnxt_base", "sqnxt_tf", "numpy", "tf_keras"},
    "sqnxt_tf.workflows": {"sqnxt_base", "sqnxt_tf", "sqnxt_export", "sqnxt_sim", "numpy"},
    "sqnxt_tf.webdemo": {"sqnxt_base", "sqnxt_tf", "sqnxt_export"},
    "sqnxt_tf.microcontroller": {"sqnxt_base", "sqnxt_tf", "sqnxt_export", "numpy"},
    "sqnxt_tf.cli": {"sqnxt_base", "sqnxt_tf", "sqnxt_export", "sqnxt_sim", "click", "rich"},
}
ROOMS = (
    "cli", "data", "device", "evolution", "exploration", "htmlreport", "microcontroller", "networks", "paper",
    "reports", "supernet", "training", "webdemo", "workflows",
)  # fmt: skip
# inside sqnxt_tf: which of its own packages each may not import
FORBIDDEN_INSIDE = {
    "sqnxt_tf.networks": {*ROOMS} - {"networks"},
    "sqnxt_tf.data": {*ROOMS} - {"data"},
    "sqnxt_tf.training": {*ROOMS} - {"data", "networks", "training"},
    "sqnxt_tf.device": {*ROOMS} - {"data", "device"},
    "sqnxt_tf.evolution": {*ROOMS} - {"evolution"},
    "sqnxt_tf.exploration": {*ROOMS} - {"exploration", "networks"},
    "sqnxt_tf.paper": {*ROOMS} - {"exploration", "networks", "paper"},
    "sqnxt_tf.supernet": {*ROOMS} - {"data", "exploration", "networks", "supernet", "training"},
    "sqnxt_tf.sources": {*ROOMS} - {"data", "networks"},
    "sqnxt_tf.starting_models": {*ROOMS} - {"data", "networks"},
    "sqnxt_tf.reports": {"cli", "training"},
    "sqnxt_tf.webdemo": {*ROOMS} - {"webdemo"},
    "sqnxt_tf.microcontroller": {*ROOMS} - {"data", "microcontroller", "networks"},
    "sqnxt_tf.htmlreport": {*ROOMS} - {"htmlreport"},
    "sqnxt_tf.workflows": {"cli", "reports"},
}


def modules() -> dict[str, Path]:
    found = {}
    for package in EVERY:
        root = importlib.import_module(package)
        assert root.__file__ is not None
        found[package] = Path(root.__file__)
        for info in pkgutil.walk_packages(root.__path__, f"{package}."):
            spec = importlib.util.find_spec(info.name)
            assert spec is not None
            assert spec.origin is not None
            found[info.name] = Path(spec.origin)
    return found


MODULES = modules()


def imports_of(module: str, *, runtime_only: bool = False) -> Iterator[str]:
    """Absolute names of all that a module imports, wherever in it."""
    path = MODULES[module]
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    tree = ast.parse(path.read_text())
    skipped = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            skipped |= {id(inner) for statement in node.body for inner in ast.walk(statement)}
    for node in ast.walk(tree):
        if runtime_only and id(node) in skipped:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            yield ".".join([*base, *(node.module or "").split(".")]).rstrip(".")
        elif isinstance(node, ast.Call) and ast.unparse(node.func) in ("require", "import_module"):
            yield from (first.value for first in node.args[:1] if isinstance(first, ast.Constant))


def is_within(module: str, packages: set[str]) -> bool:
    """Tell whether a module is one of some packages, or lies in one."""
    return any(f"{module}.".startswith(f"{package}.") for package in packages)


def rule_for(module: str) -> set[str]:
    return RULES[max((name for name in RULES if f"{module}.".startswith(f"{name}.")), key=len)]


@pytest.mark.parametrize("module", MODULES)
def test_a_module_imports_only_what_its_layer_may(module: str) -> None:
    allowed = rule_for(module) | set(sys.stdlib_module_names)
    assert not [name for name in imports_of(module) if not is_within(name, allowed)]


def test_the_exporter_may_enter_one_room_of_the_simulator() -> None:
    for room in ("artifact", "compression"):
        allowed = rule_for(f"sqnxt_export.{room}.weights")
        assert is_within("sqnxt_sim.frontend.model_files", allowed)
        assert not any(is_within(name, allowed) for name in ("sqnxt_sim", "sqnxt_sim.simulator", "sqnxt_sim.machine"))
    assert not is_within("sqnxt_sim.frontend", rule_for("sqnxt_export.convert"))


@pytest.mark.parametrize("package", FORBIDDEN_INSIDE)
def test_the_packages_of_sqnxt_tf_stand_on_each_other_in_one_direction(package: str) -> None:
    forbidden = {f"sqnxt_tf.{name}" for name in FORBIDDEN_INSIDE[package]}
    for module in MODULES:
        if f"{module}.".startswith(f"{package}."):
            imported = {".".join(name.split(".")[:2]) for name in imports_of(module, runtime_only=True)}
            assert not imported & forbidden, module


def loaded_after(statement: str) -> set[str]:
    """Full names of the modules that are loaded after a statement."""
    done = run_python(f"{statement}\nimport sys; print(*sorted(sys.modules))", check=True)
    return set(done.stdout.splitlines()[-1].split())


@pytest.mark.parametrize("package", PACKAGES)
def test_importing_the_top_of_a_package_loads_nothing_heavy(package: str) -> None:
    assert not loaded_after(f"import {package}") & (HEAVY | {"numpy", "onnx"})


@pytest.mark.parametrize(
    "package", ["sqnxt_sim", "sqnxt_export.artifact", "sqnxt_export.compression", "sqnxt_export.runtimes"]
)
def test_simulator_and_artifacts_load_no_tensorflow(package: str) -> None:
    """All modules of a package are imported one after the other by one interpreter, which says what each has loaded."""
    names = [name for name in MODULES if is_within(name, {package})]
    code = "import importlib, sys\nfor name in sys.argv[1:]: importlib.import_module(name); print(name, *sys.modules)"
    for line in run_python(code, *names, check=True).stdout.splitlines():
        module, *loaded = line.split()
        assert not {*HEAVY, "sqnxt_tf"} & set(loaded), module
        if package == "sqnxt_sim":
            assert "sqnxt_export" not in loaded, module
        else:
            of_simulator = {name for name in loaded if is_within(name, {"sqnxt_sim"})}
            assert not {name for name in of_simulator - FRONTEND_NEEDS if not is_within(name, {FRONTEND})}, module


def test_a_tflite_file_is_read_without_onnx() -> None:
    assert "onnx" not in loaded_after(
        "import sqnxt_sim.frontend.tflite_reader, sqnxt_sim.frontend.tflite_layer_weights"
    )


def test_the_command_line_loads_its_verbs_without_their_work() -> None:
    statement = "from sqnxt_tf.cli.main import VERBS, main; [main.get_command(None, verb) for verb in VERBS]"
    others = {"numpy", "onnx", "rich", "PIL", "jinja2", "matplotlib", "optuna", "plotly"}
    assert not loaded_after(statement) & (HEAVY | others)


def test_public_names_are_sorted_documented_and_there() -> None:
    for package in PACKAGES:
        module = importlib.import_module(package)
        names = [name for name in module.__all__ if name != "__version__"]
        constants = [name for name in names if name.isupper()]
        classes = [name for name in names if name[0].isupper() and not name.isupper()]
        functions = [name for name in names if name[0].islower()]
        assert names == sorted(constants) + sorted(classes) + sorted(functions)
        for name in classes + functions:
            assert getattr(module, name).__doc__, f"{package}.{name}"
