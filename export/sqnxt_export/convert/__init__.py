"""A Keras model becomes a TFLite or an ONNX file.

Role of each file: `to_tflite` (TensorFlow's converter, configured), `to_onnx` (walks the model and checks the result),
`registry` (layer class -> converter), `layers_*` (the converters), `padding`, `graph` (the graph being built), `passes`
(folding batch norm, pads and transposes away), `softmax` (a model's last one), `tflite_half` and `tflite_edit` (changes
to a finished .tflite), `embedding` and `onnx_preprocessing` (raw pixels in).
"""
