"""Summaries of networks, made without building them in Keras, and their JSON."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqnxt_tf.networks.counts import count_macs, count_macs_as_paper, count_params, peak_activation_bytes
from sqnxt_tf.networks.published import PaperFigures, paper_figures
from sqnxt_tf.networks.registry import NetworkDefinition, find_network, input_shape, layer_rows, networks
from sqnxt_tf.networks.rows import LayerRow


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkSummary:
    """A network at one input size (height, width) and number of classes; `paper` holds the paper's figures, if any."""

    network: NetworkDefinition
    input_size: tuple[int, int]
    layers: tuple[LayerRow, ...]
    paper: PaperFigures | None

    @property
    def name(self) -> str:
        """Our name of the network."""
        return self.network.name

    @property
    def params(self) -> int:
        """Number of parameters: weights, biases, two for each batch-norm channel."""
        return count_params(self.layers)

    @property
    def macs(self) -> int:
        """Multiply-accumulates of one image."""
        return count_macs(self.layers)

    @property
    def paper_count_macs(self) -> int:
        """MACs as the paper counts them: one more for each output element."""
        return count_macs_as_paper(self.layers)

    @property
    def peak_activation_bytes(self) -> int:
        """Most bytes that live feature maps take at once, in float32, for one image."""
        return peak_activation_bytes(self.layers)

    def to_list_json(self) -> dict[str, Any]:
        """Return an entry of the `list` document."""
        paper = self.paper
        return {
            "name": self.name,
            "paper_name": self.network.paper_name,
            "input_size": size_json(self.input_size),
            "paper_input_size": self.network.input_size,
            "params": self.params,
            "macs": self.macs,
            "paper_count_macs": self.paper_count_macs,
            "paper": paper
            and {
                "params_millions": paper.params_millions,
                "macs_millions": paper.macs_millions,
                "top1_percent": paper.top1_percent,
                "top5_percent": paper.top5_percent,
            },
        }

    def to_json(self) -> dict[str, Any]:
        """Return the `summary` document."""
        return {
            "name": self.name,
            "paper_name": self.network.paper_name,
            "input_size": size_json(self.input_size),
            "params": self.params,
            "macs": self.macs,
            "paper_count_macs": self.paper_count_macs,
            "peak_activation_bytes": self.peak_activation_bytes,
            "layers": [_layer_json(row) for row in self.layers],
        }


def summarise(name: str, *, classes: int = 1000, input_size: int | tuple[int, int] | None = None) -> NetworkSummary:
    """Describe a network layer by layer (shapes, parameters, MACs, peak activation memory), without TensorFlow.

    Args:
        name: Our name or the paper's.
        classes: Number of classes.
        input_size: Side of the input in pixels, or (height, width); by default the network's own.


    Raises:
        SqnxtError: The name is unknown, or the input is too small for the network.
    """
    network = find_network(name)
    return NetworkSummary(
        network=network,
        input_size=input_shape(network, input_size),
        layers=layer_rows(name, classes=classes, input_size=input_size),
        paper=paper_figures().get(network.name),
    )


def list_networks() -> tuple[NetworkSummary, ...]:
    """Summarise every network at its own input size, with 1000 classes."""
    return tuple(summarise(name) for name in networks())


def size_json(size: tuple[int, int]) -> int | list[int]:
    """Return one integer where height and width agree, else `[height, width]`."""
    return size[0] if size[0] == size[1] else list(size)


def _layer_json(row: LayerRow) -> dict[str, Any]:
    return {
        "name": row.name,
        "op": row.op,
        "inputs": list(row.inputs),
        "in_shape": list(row.in_shape),
        "out_shape": list(row.out_shape),
        "kernel": list(row.kernel),
        "stride": row.stride,
        "pads": list(row.pads),
        "groups": row.groups,
        "params": row.params,
        "macs": row.macs,
    }
