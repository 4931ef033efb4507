"""Cycles and energy of an ONNX graph on an array of processing elements, layer by layer.

report = simulate(read_onnx("model.onnx"), load_accelerator("squeezelerator-16x16"))
report.cycles, report.energy.total, report.to_json()
"""

from __future__ import annotations

from sqnxt_base.public_names import offer_public_names

__all__, __getattr__, __dir__ = offer_public_names(__name__)  # the names stand in __init__.pyi
