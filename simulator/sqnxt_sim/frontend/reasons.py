"""Reasons why the array does not run a node, in words that every format uses."""

from __future__ import annotations

CONSTANT = "constant, computed once and for all"
MERGES = "a constant bias or scale, merges into the layer before"
MERGES_NOT = "a constant bias or scale with no layer before it to merge into, left out as in the paper"
NO_SHAPE = "no model for operands of these shapes"
