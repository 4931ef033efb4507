"""Artifacts from any `tf_keras` model: TFLite and ONNX, quantised, proved equal to the model they came from.

Nothing heavy is imported until it is used: `import sqnxt_export` costs milliseconds.
"""

from __future__ import annotations

from sqnxt_base.public_names import offer_public_names

__all__, __getattr__, __dir__ = offer_public_names(__name__)  # the names stand in __init__.pyi
