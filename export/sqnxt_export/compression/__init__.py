"""Deep Compression: weights pruned, shared and entropy-coded into a container that restores the exact artifact.

Role of each file: `clustering` (k-means weight sharing, magnitude pruning: the lossy part, done on a model before it
is exported), `regions` (where an artifact keeps its weights), `symbols` (weights as few symbols), `rans` (the entropy
coder), `container` (the file format), `compressing` and `restoring` (there and back).

Source: Han, Mao, Dally, "Deep Compression" (arXiv 1510.00149), without its gaps and its Huffman code: zero is a symbol
of the same alphabet as the shared values. Where zeros are independent both cost the same entropy, and this way no gap
needs a filler, nothing is rounded up to whole bits, and one frequency table serves both.
"""
