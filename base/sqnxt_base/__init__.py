"""What the three packages share: one tree of errors, and the offering of public names; standard library only."""
