"""What travels with an artifact: metadata, labels, preprocessing. Read and written without TensorFlow.

Role of each file: `files` (paths, whole-file writing), `preprocessing`, `metadata` (the record), `embedding` (the
record inside each kind of file), `keras_file`, `keras_calls`, `keras_functions`, `keras3_config`, `keras3_weights`,
`onnx_file`, `tflite_file` and `zips` (readers for files that may come from anyone), `weights` (sizes and zeros).
"""
