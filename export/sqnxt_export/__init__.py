"""Artifacts from any `tf_keras` model: TFLite and ONNX, quantised, proved equal to the model they came from."""
