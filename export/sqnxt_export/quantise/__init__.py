"""Calibration and integer graphs.

Role of each file: `precision` (names, what each format allows, notes for the user), `calibration` (ranges of
activations), `half` (float16 by storage), `qdq` (int16 and int8), `graph_edit` (tools), `recipes` (precision -> graph).
"""
