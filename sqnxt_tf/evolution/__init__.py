"""Evolutionary synthesis: smaller networks that inherit the filters which survive a random draw.

- `channels.py`: the channel groups of a Keras model, which are kept or removed together.
- `channel_rules.py`: how each class of Keras layer treats the channels that it reads.
- `survival.py`: the random draw of surviving groups, by the strength of their filters.
- `narrowing.py`: builds the smaller model from the surviving filters.
- `lineage.py`: the generations of an evolution, and the file that keeps them.
"""
