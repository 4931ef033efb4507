"""Cycles and energy of an ONNX graph on an array of processing elements, layer by layer."""
