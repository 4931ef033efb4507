"""Metadata, preprocessing and safe readers of artifacts. Nothing here needs TensorFlow.

- `files`: paths, and files that are written completely or not at all.
- `preprocessing`: from images to the network's input.
- `metadata`: the record of labels, preprocessing and origin.
- `metadata_io`: that record inside each kind of file.
- `weights`: sizes, and how many weights are zero.
- `frontend_errors`: errors of the simulator's frontend, which reads weights and .tflite files for this package.
- `onnx_file`: reader and writer of .onnx files.
- `tflite_file`: .tflite files, checked before LiteRT sees them.
- `keras_file`: reader of .keras files as data.
- `keras_classes`: the list of classes that a .keras file may name.
- `keras_calls`: the check that the layer calls in a config end.
- `keras_functions`: the TensorFlow functions that a model may apply between layers.
- `keras3_config`: the config of a .keras file saved by Keras 3.
- `keras3_weights`: the weights of such a file.
- `zips`: bounded zip archives.
"""
