"""A supernet: one SqueezeNext that is trained so that all smaller networks of a space are slices of it.

- `choices.py`: the networks of a supernet, and the vector of numbers that chooses one of them.
- `layer_program.py`: the layers of the largest network in execution order, by block, with their channels at each width.
- `elastic.py`: runs any slice of the largest network's weights, in one compiled graph.
- `sandwich.py`: the loss of the sandwich rule with in-place distillation.
- `cutting.py`: cuts a network out as an ordinary model with its own weights.
- `judging.py`: the accuracy of a network by validation alone, with its own batch-norm statistics.
- `judgements.py`: the file that keeps accuracies, so that a search can be resumed.
- `rank_correlation.py`: Kendall's tau.
"""
