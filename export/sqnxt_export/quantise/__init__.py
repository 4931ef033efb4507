"""Calibration and integer graphs."""
