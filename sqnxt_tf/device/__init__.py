"""What runs on the device, without TensorFlow.

- `evaluation.py`: accuracy of a model or an artifact on labelled images.
- `misclassified.py`: the images that were classified wrongly, as PNG files.
- `classification.py`: the best classes of single images, from files and folders.
- `camera.py`: frames of a webcam or a film for classification.
- `inspection.py`: size, non-zero weights and metadata of a file.
- `timing_rounds.py`: times several artifacts in turns, round by round.
- `timing_client.py`: this process's end of a timing process; asks it to run an artifact.
- `timing_server.py`: the child process that runs one artifact and answers with times.
- `timings.py`: the results of timing, and the warnings about their quality.
- `statistics.py`: medians, ratios and their confidence intervals.
- `layer_shares.py`: measured time of each layer beside its simulated cycles.
- `vela.py`: the estimate of Arm's compiler Vela for an NPU.
- `npu_layers.py`: that estimate of each layer beside its simulated cycles.
- `memory.py`: how much memory this process takes.
- `fault_handlers.py`: what happens when one of several files cannot be used.
"""
