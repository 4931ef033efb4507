"""A project for TensorFlow Lite Micro (TFLM): C files that classify images with a .tflite file on a microcontroller.

- `project_folder.py`: writes the folder.
- `micro_model.py`: what the project needs to know about the model.
- `operators.py`: the names by which TFLM registers operators.
- `c_text.py`: arrays and strings as C text.
- `generated.py`: the files that depend on the model.
- `bundled_image.py`: the image that the program classifies.
- `limits.py`: whether a model fits into a device, and which network would.
- `project/`: the files that are the same for every model.
"""
