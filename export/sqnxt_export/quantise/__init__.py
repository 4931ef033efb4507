"""Calibration and integer graphs.

- `precision`: the names of the precisions, what each format can express, and notes for the user.
- `calibration`: the range of every activation, from running the float graph.
- `learnt_ranges`: ranges from quantisation-aware training.
- `histogram`: the histogram from which clipped ranges are read.
- `bounds`: the largest values that an operator can return by its definition.
- `integer_scales`: scale and zero point of each activation.
- `qdq_pairs`: the nodes that quantise and dequantise, with their constants.
- `qdq`: int16 and int8 graphs.
- `half`: graphs with float16 weights.
- `onnx_quantiser`: a float32 ONNX graph to any precision.
- `mixed`: int8 graphs whose noisiest layers keep 16 bits.
- `noise`: signal-to-noise ratio of each layer of an ONNX graph.
- `noise_tflite`: signal-to-noise ratio of each layer of a .tflite file.
- `graph_edit`: tools to rewrite an ONNX graph.
"""
