"""Evolutionary synthesis: channel groups, narrowing, survival and the lineage that is kept."""
