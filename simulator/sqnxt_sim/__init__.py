"""A simulator: cycles and energy of an ONNX or TFLite model on an array of processing elements, layer by layer::

    report = simulate_workload(read_model("model.onnx"), load_accelerator("squeezelerator-16x16"))
    report.cycles, report.energy.total, report.to_json()

A file becomes a `Workload` (`frontend`), each of its layers is costed on an `Accelerator` (`machine`), and the costs
make up a `NetworkReport` (`report`).
"""

from __future__ import annotations

from sqnxt_base.public_names import offer_public_names

__all__, __getattr__, __dir__ = offer_public_names(__name__)  # the names are those of __init__.pyi
