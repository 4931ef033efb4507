"""Calibration and integer graphs.

Role of each file: `precision` (names, what each format allows, notes for the user), `calibration` and `histogram`
(ranges of activations), `half` (float16 by storage), `qdq` (int16 and int8), `noise` and `noise_tflite` (what it costs
each layer), `mixed` (int8 with the worst layers wider), `graph_edit` (tools), `recipes` (precision -> graph).
"""
