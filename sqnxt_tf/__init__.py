"""SqueezeNext and its rivals, from Keras to edge silicon.

Each verb of the command line is a function here; TensorFlow is imported by those that need it, when they are called.

    import sqnxt_tf

    sqnxt_tf.summarise("1.0-SqNxt-23v5").macs                    # without TensorFlow
    model = sqnxt_tf.build("sqnxt23v5_w1", classes=10, input_size=64, seed=0)
    sqnxt_tf.train("sqnxt23v5_w1", "digits.keras", data="digits")
    sqnxt_tf.prune("digits.keras", "pruned.keras", sparsity=0.4)
    sqnxt_tf.evolve("digits.keras", "evolved", sizes=(1_500_000, 900_000)).line()
    sqnxt_tf.export("pruned.keras", "digits.onnx", format="onnx", precision="int16")
    sqnxt_tf.compress("pruned.keras", "digits.onnx.sqz").compressed.bytes
    sqnxt_tf.evaluate("digits.onnx", sqnxt_tf.load_data("digits", "test")).top1
    sqnxt_tf.simulate("digits.onnx", "squeezelerator-16x16").cycles
    sqnxt_tf.search("paper", limits={"params": 1e6}).front[0].network   # without TensorFlow
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.2.0"

if TYPE_CHECKING:
    from sqnxt_export import ExportError, ParityError, decompress
    from sqnxt_sim import SimulatorError

    from .codesign.lineage import Lineage
    from .codesign.narrowing import narrow
    from .codesign.workloads import network_workload
    from .data import ImageSet, load_data
    from .device.classification import Answer, classify
    from .device.evaluation import Evaluation, evaluate
    from .device.inspection import Inspection, inspect
    from .errors import BudgetError, SqnxtError
    from .networks.keras_ops import build
    from .networks.registry import layer_rows
    from .networks.rows import LayerRow
    from .networks.summaries import NetworkSummary, list_networks, summarise
    from .training.recipes import RECIPES, Recipe
    from .webdemo.site import Site, write_webdemo
    from .workflows.benchmark import BenchmarkResult, benchmark
    from .workflows.check_data import check_data
    from .workflows.compare import Comparison, compare
    from .workflows.compress import compress
    from .workflows.cross_validation import cross_validate_costs
    from .workflows.demo import demo
    from .workflows.doctor import examine
    from .workflows.evolve import evolve
    from .workflows.export import export
    from .workflows.pack import pack
    from .workflows.prune import prune
    from .workflows.report import Report, write_report
    from .workflows.reproduce import reproduce_parameters
    from .workflows.reproduce_costs import reproduce_costs
    from .workflows.scan import scan_sensitivity
    from .workflows.search import search
    from .workflows.simulate import hold_to_budget, simulate
    from .workflows.train import train
    from .workflows.verify import Verification, verify

_OTHERS = {
    "ExportError": "sqnxt_export",
    "ParityError": "sqnxt_export",
    "SimulatorError": "sqnxt_sim",
    "decompress": "sqnxt_export",
}
_HOMES = {
    "RECIPES": "training.recipes",
    "Answer": "device.classification",
    "BenchmarkResult": "workflows.benchmark",
    "BudgetError": "errors",
    "Comparison": "workflows.compare",
    "Evaluation": "device.evaluation",
    "ImageSet": "data",
    "Inspection": "device.inspection",
    "LayerRow": "networks.rows",
    "Lineage": "codesign.lineage",
    "NetworkSummary": "networks.summaries",
    "Recipe": "training.recipes",
    "Site": "webdemo.site",
    "Report": "workflows.report",
    "SqnxtError": "errors",
    "Verification": "workflows.verify",
    "benchmark": "workflows.benchmark",
    "build": "networks.keras_ops",
    "check_data": "workflows.check_data",
    "classify": "device.classification",
    "compare": "workflows.compare",
    "compress": "workflows.compress",
    "cross_validate_costs": "workflows.cross_validation",
    "demo": "workflows.demo",
    "evaluate": "device.evaluation",
    "evolve": "workflows.evolve",
    "examine": "workflows.doctor",
    "export": "workflows.export",
    "hold_to_budget": "workflows.simulate",
    "inspect": "device.inspection",
    "layer_rows": "networks.registry",
    "list_networks": "networks.summaries",
    "load_data": "data",
    "narrow": "codesign.narrowing",
    "network_workload": "codesign.workloads",
    "pack": "workflows.pack",
    "prune": "workflows.prune",
    "reproduce_costs": "workflows.reproduce_costs",
    "reproduce_parameters": "workflows.reproduce",
    "scan_sensitivity": "workflows.scan",
    "search": "workflows.search",
    "simulate": "workflows.simulate",
    "summarise": "networks.summaries",
    "train": "workflows.train",
    "verify": "workflows.verify",
    "write_webdemo": "webdemo.site",
    "write_report": "workflows.report",
}

__all__ = [
    "RECIPES",
    "Answer",
    "BenchmarkResult",
    "BudgetError",
    "Comparison",
    "Evaluation",
    "ExportError",
    "ImageSet",
    "Inspection",
    "LayerRow",
    "Lineage",
    "NetworkSummary",
    "ParityError",
    "Recipe",
    "Report",
    "SimulatorError",
    "Site",
    "SqnxtError",
    "Verification",
    "__version__",
    "benchmark",
    "build",
    "check_data",
    "classify",
    "compare",
    "compress",
    "cross_validate_costs",
    "decompress",
    "demo",
    "evaluate",
    "evolve",
    "examine",
    "export",
    "hold_to_budget",
    "inspect",
    "layer_rows",
    "list_networks",
    "load_data",
    "narrow",
    "network_workload",
    "pack",
    "prune",
    "reproduce_costs",
    "reproduce_parameters",
    "scan_sensitivity",
    "search",
    "simulate",
    "summarise",
    "train",
    "verify",
    "write_report",
    "write_webdemo",
]


def __getattr__(name: str) -> Any:
    if name in _OTHERS:
        return getattr(import_module(_OTHERS[name]), name)
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f".{_HOMES[name]}", __name__), name)
    globals()[name] = value  # wins over a sub-module of the same name that the import may have set
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
