"""A Keras model becomes a TFLite or an ONNX file.

Role of each file: `to_tflite` (TensorFlow's converter, configured), `to_onnx` (walks the model and checks the result),
`registry` (layer class -> converter), `layers_weighted` and `layers_plain` (the converters), `padding`, `graph` (the
graph being built), `passes` (folding batch norm, pads and transposes away).
"""
