"""A Keras model becomes a TFLite or an ONNX file."""
