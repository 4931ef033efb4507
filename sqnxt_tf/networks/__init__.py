"""Networks as data: one builder a family, and interpreters that turn a builder into rows, counts or Keras layers.

ops                the operations that builders are written in
rows               an interpreter: plain layer rows with shapes, parameters and MACs
tallies            an interpreter: counts of distinct layers, for a search over thousands of networks
keras_ops          an interpreter: Keras layers; `build`
squeezenext        SqueezeNext, its specs and its builder
squeezenext_names  systematic names of SqueezeNexts that no table lists
squeezenet_names   systematic names of SqueezeNets that no table lists
fraction_names     fractions and ranges of numbers in both
squeezenet         SqueezeNet v1.0 and v1.1 with their bypass variants
alexnet, vgg, mobilenet, darknet    the networks that the paper compares with
registry           every network by name
counts             parameters, MACs and activation memory of layer rows
summaries          summaries of networks, and their JSON
published          the figures that the paper prints
"""
