"""Strategies, recipes, the training loop and pruning. TensorFlow is imported when used."""
