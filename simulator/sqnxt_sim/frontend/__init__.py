"""The frontend: from an ONNX file to a workload.

| file | role |
|---|---|
| `onnx_operators` | tables: what the simulator does with each ONNX operator |
| `onnx_graph` | a checked graph, and helpers for its names, attributes and shapes |
| `onnx_layout` | operators that rearrange values, in NumPy |
| `onnx_values` | values of constant tensors, wherever they are stored |
| `onnx_arithmetic` | operators that shapes are computed with, in NumPy |
| `onnx_node_builder` | a builder of standard nodes in place of one node |
| `onnx_contrib_sequences` | standard operators in place of attention and LSTMs of ONNX Runtime |
| `onnx_contrib` | standard operators in place of those of ONNX Runtime, for shape inference |
| `onnx_dimensions` | batch and input size written into free dimensions |
| `onnx_folding` | arithmetic on shapes, computed so that more shapes are known |
| `onnx_functions` | a limit on what a model's functions expand to |
| `onnx_loading` | an untrusted file parsed, checked, and its shapes inferred |
| `onnx_constants` | which tensors are constant; a graph without shapes |
| `onnx_zeros` | masks of where constants are not zero, and widths of integers |
| `onnx_packed` | matrices that ONNX Runtime packs into bytes |
| `onnx_weights` | `layer_weights`: number, bits and zeros of every node's weights |
| `onnx_convolutions` | layers from convolutions |
| `onnx_transposed` | layers from transposed convolutions |
| `onnx_positions` | the batch and the map that the rows of a matrix come from |
| `onnx_dense` | layers from matrix products |
| `onnx_einsum` | layers from Einsum |
| `onnx_recurrent` | layers from LSTM, GRU and RNN |
| `onnx_attention` | layers from attention in one operator |
| `onnx_affine` | which scales and shifts merge into the layer before |
| `onnx_vector_work` | work of other operators on a vector unit |
| `onnx_memory` | activations that are alive while each node runs |
| `onnx_reader` | `read_onnx`: all of it together |

Each file imports only from files above it in the table.
"""
