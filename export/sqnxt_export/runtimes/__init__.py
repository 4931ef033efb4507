"""onnxruntime, LiteRT and Keras behind one small interface, each imported when used."""
