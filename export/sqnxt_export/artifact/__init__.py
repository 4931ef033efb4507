"""What travels with an artifact: metadata, labels, preprocessing. Read and written without TensorFlow."""
