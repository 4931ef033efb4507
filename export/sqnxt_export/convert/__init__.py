"""Conversion of a Keras model to a TFLite or an ONNX file.

- `to_onnx`: walks the model's layers, and checks the finished graph.
- `to_tflite`: configures and runs TensorFlow's converter.
- `layer_converters`: the table from layer class to converter, and what a converter sees of a layer.
- `layers_weighted`: convolutions and dense layers.
- `layers_normalising`: normalisation, and scales and shifts per channel.
- `layers_activations`: activations.
- `layers_plain`: pooling, padding, joining and reshaping.
- `layers_lambda`: TensorFlow functions between layers.
- `padding`: TensorFlow's padding as ONNX pads.
- `graph`: the ONNX graph while it is being built.
- `passes`: folds batch norm, pads and transposes into their neighbours.
- `softmax`: a model's last softmax, which stays in float.
- `tflite_half`: float16 weights in a .tflite file.
- `tflite_edit`: operators added to a finished .tflite file.
- `embed_preprocessing`: preprocessing inside a finished artifact of either format.
- `onnx_preprocessing`: the same, for an ONNX graph.
"""
