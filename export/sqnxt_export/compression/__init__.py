"""Deep Compression: weights pruned, clustered and entropy-coded into a container that restores the exact artifact.

- `clustering`: k-means weight sharing and magnitude pruning, the lossy steps on a model before its export.
- `clustered_kernels`: values and zeros of the clustered kernels, counted in the artifact.
- `regions`: where an artifact keeps its weights.
- `symbols`: weights as symbols of a small alphabet.
- `rans`: the entropy coder.
- `coded_tensors`: the container's tables and codebooks.
- `container`: the file format.
- `compressing`: from an artifact to its container.
- `compression_result`: the figures of a container.
- `restoring`: from a container to the artifact.

Source: Han, Mao, Dally, "Deep Compression" (arXiv 1510.00149). Unlike the paper, zeros are not coded as gaps and there
is no Huffman code: zero is a symbol of the same alphabet as the clustered values. If zeros are independent, both ways
have the same entropy. This way, no gap needs a filler, nothing is rounded up to whole bits, and one frequency table is
enough.
"""
