"""The tables and figures of the SqueezeNext paper, ours beside theirs."""
