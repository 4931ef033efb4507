"""Whole paths that join the packages: train, prune, export, reproduce, demo."""
