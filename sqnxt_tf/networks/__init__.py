"""Networks as data: one builder a family, two interpreters (Keras layers, plain layer rows)."""
