"""The frontend: from an .onnx or .tflite file to a workload, or to the weights of its layers.

| file | role |
|---|---|
| `weight_facts` | bits and zeros of weights, whatever the format |
| `positions` | the batch and the map that the rows of a matrix come from |
| `products` | matrix products as layers |
| `phases` | transposed convolutions as ordinary ones, axis by axis |
| `vector_operations` | operations of other operators on single values |
| `memory` | activations that are alive while each node runs |
| `reasons` | reasons why the array does not run a node |
| `sizes` | the sizes that a caller gives to free dimensions |
| `onnx_operators` | tables: what the simulator does with each ONNX operator |
| `onnx_graph` | a checked graph, and helpers for its names, attributes and shapes |
| `onnx_layout` | operators that rearrange values, in NumPy |
| `onnx_values` | values of constant tensors, wherever they are stored |
| `onnx_arithmetic` | operators that shapes are computed with, in NumPy |
| `onnx_node_builder` | a builder of standard nodes in place of one node |
| `onnx_contrib_sequences` | standard operators in place of attention and LSTMs of ONNX Runtime |
| `onnx_contrib` | standard operators in place of those of ONNX Runtime, for shape inference |
| `onnx_upgrades` | nodes of opsets 1 to 6 as nodes of opset 7 |
| `onnx_dimensions` | batch and input size written into free dimensions |
| `onnx_folding` | arithmetic on shapes, computed so that more shapes are known |
| `onnx_branches` | the branch of an If whose condition is known |
| `onnx_functions` | a limit on what a model's functions expand to |
| `onnx_parsing` | an untrusted file parsed |
| `onnx_loading` | a file checked, and its shapes inferred |
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
| `tflite_flatbuffer` | bounds-checked tables and vectors |
| `tflite_schema` | numbers of TensorFlow Lite's schema |
| `tflite_parts` | tensors, operators, subgraphs and signatures as data |
| `tflite_file` | an untrusted file, checked |
| `tflite_sparse` | sparse tensors as dense ones |
| `tflite_values` | values of constants, and where they are not zero |
| `tflite_inlining` | composite operators replaced by what they stand for |
| `tflite_graph` | the main graph: producers, readers, constants |
| `tflite_operators` | ONNX's names of the operators |
| `tflite_weights` | bits and zeros of each operator's weights |
| `tflite_names` | names of layers, traced in those of tensors |
| `tflite_layer_weights` | `tflite_weights`: the weights of every layer |
| `tflite_positions` | the origin of every tensor |
| `tflite_folding` | padding and dilation that merge into a convolution |
| `tflite_convolutions`, `tflite_transposed`, `tflite_dense`, `tflite_recurrent` | layers |
| `tflite_affine` | scales that merge into the layer before |
| `tflite_off_array` | the other operators |
| `tflite_batch` | a free batch, fixed |
| `tflite_reader` | `read_tflite`: all of it together |
| `model_files` | `read_model` and `read_weights`: either format, by content |

Each file imports only from files above it in the table.
"""
