"""What runs on the device, without TensorFlow: evaluation and latency of artifacts."""
