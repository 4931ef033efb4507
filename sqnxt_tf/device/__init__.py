"""What runs on the device, without TensorFlow: evaluation, timing, classification and inspection of artifacts."""
