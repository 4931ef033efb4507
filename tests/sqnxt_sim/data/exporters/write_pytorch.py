"""Write the networks of this folder that PyTorch exports, with the counts of PyTorch itself."""

from __future__ import annotations

import csv
import sys

import onnx
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

SEED = 0


class Image(nn.Module):
    """2-D network: dilation, groups, depthwise, asymmetric padding, transposed, residual, LayerNorm, head."""

    def __init__(self) -> None:
        super().__init__()
        self.pad = nn.ZeroPad2d((1, 2, 0, 1))
        self.stem = nn.Conv2d(3, 8, (3, 5), stride=2, bias=False)
        self.norm = nn.BatchNorm2d(8)
        self.dilated = nn.Conv2d(8, 8, 3, padding=2, dilation=2)
        self.grouped = nn.Conv2d(8, 12, 3, padding="same", groups=4)
        self.depthwise = nn.Conv2d(12, 12, 3, stride=2, padding=1, groups=12)
        self.up = nn.ConvTranspose2d(12, 8, 4, stride=2, padding=1)
        self.up_grouped = nn.ConvTranspose2d(8, 6, 3, stride=2, padding=1, output_padding=1, groups=2)
        self.up_dilated = nn.ConvTranspose2d(6, 4, 2, stride=1, padding=1, dilation=2)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.layer_norm = nn.LayerNorm(4)
        self.head = nn.Linear(4, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Run the network."""
        x = torch.relu(self.norm(self.stem(self.pad(x))))
        x = x + self.dilated(x)
        x = torch.nn.functional.gelu(self.grouped(x))
        x = torch.nn.functional.max_pool2d(self.depthwise(x), 3, stride=1, padding=1)
        x = self.up_dilated(self.up_grouped(torch.relu(self.up(x))))
        return self.head(self.layer_norm(torch.flatten(self.pool(x), 1)))


class Signal(nn.Module):
    """1-D network: a strided, a dilated and a transposed convolution, and a Linear at every position."""

    def __init__(self) -> None:
        super().__init__()
        self.down = nn.Conv1d(2, 6, 5, stride=2, padding=2)
        self.dilated = nn.Conv1d(6, 6, 3, dilation=3, groups=3)
        self.up = nn.ConvTranspose1d(6, 4, 4, stride=2, padding=1)
        self.mix = nn.Linear(4, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Run the network."""
        x = self.up(torch.relu(self.dilated(torch.relu(self.down(x)))))
        return self.mix(x.transpose(1, 2)).mean(dim=1)


def prune(model: nn.Module) -> int:
    """Set a quarter of the weights to zero, and return how many are left."""
    kernels = [parameter for parameter in model.parameters() if parameter.dim() > 1]
    with torch.no_grad():
        for kernel in kernels:
            kernel[torch.rand_like(kernel) < 0.25] = 0
    return sum(int(kernel.count_nonzero()) for kernel in kernels)


def strip(file: str) -> None:
    """Remove the paths of the machine that wrote the file, which the exporter adds to every node."""
    model = onnx.load(file)
    for node in model.graph.node:
        node.ClearField("metadata_props")
        node.ClearField("doc_string")
    onnx.save(model, file)


def macs(model: nn.Module, x: torch.Tensor) -> int:
    """Count MACs; PyTorch counts two operations for each."""
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(x)
    return counter.get_total_flops() // 2


def main() -> None:
    """Write the files, and print their rows of `macs.csv`."""
    rows = []
    for name, network, x in (("image", Image, torch.randn(1, 3, 33, 30)), ("signal", Signal, torch.randn(1, 2, 40))):
        torch.manual_seed(SEED)
        model = network().eval()
        nonzero = prune(model)
        for exporter, options in (
            ("torchscript", {"dynamo": False, "opset_version": 13, "dynamic_axes": {"x": {0: "batch"}}}),
            (
                "dynamo",
                {"dynamo": True, "dynamic_shapes": {"x": {0: torch.export.Dim("batch")}}, "external_data": False},
            ),
        ):
            file = f"pytorch-{exporter}-{name}.onnx"
            example = torch.cat([x, x])
            torch.onnx.export(model, (example,), file, input_names=["x"], output_names=["y"], **options)
            strip(file)
            rows.append((file, macs(model, x), nonzero))
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerows(rows)


if __name__ == "__main__":
    main()
