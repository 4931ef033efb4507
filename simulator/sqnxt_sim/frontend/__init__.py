"""From an ONNX file to a workload."""
