"""Write networks of torchvision and torch with both of PyTorch's exporters, for `foreign_graphs.py`.

    PYTHON benchmarks/foreign_graphs_write.py FOLDER

PYTHON has torch, torchvision, onnx and onnxscript (2.13.0+cpu, 0.28.0, 1.23.2 and 0.7.2). Weights are random, since
only shapes matter. Files go to FOLDER/torchscript and FOLDER/dynamo.
"""

import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import nn

# A torchvision built for CUDA cannot load its own operators beside a torch for CPUs; no network here uses them.
library = torch.library.Library("torchvision", "DEF")
for name in ("nms", "qnms"):
    library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")

import torchvision  # noqa: E402

IMAGE, SMALL, CLIP = (1, 3, 224, 224), (1, 3, 128, 128), (1, 3, 8, 64, 64)


class Recurrent(nn.Module):
    """An embedding of audio frames: bidirectional LSTM, GRU and plain RNN in a row."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(40, 64, num_layers=2, bidirectional=True, batch_first=True)
        self.gru = nn.GRU(128, 48)
        self.rnn = nn.RNN(48, 32, batch_first=True)
        self.head = nn.Linear(32, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return logits for each frame."""
        x, _ = self.lstm(x)
        x, _ = self.gru(x.transpose(0, 1))
        x, _ = self.rnn(x.transpose(0, 1))
        return self.head(x)


class Encoder(nn.Module):
    """A transformer encoder, the sequence first."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(96, 4, 192), 2, enable_nested_tensor=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the encoded sequence."""
        return self.encoder(x)


def hourglass() -> nn.Module:
    """Transposed convolutions in two and three dimensions."""
    return nn.Sequential(
        nn.Conv2d(3, 16, 3, stride=2, padding=1), nn.BatchNorm2d(16), nn.SiLU(),
        nn.ConvTranspose2d(16, 8, 4, stride=2, padding=1), nn.PReLU(8), nn.Unflatten(1, (2, 4)),
        nn.Conv3d(2, 6, (3, 3, 3), padding=1, groups=2), nn.ConvTranspose3d(6, 4, 2, stride=2), nn.Flatten(1, 2),
    )  # fmt: skip


def vision(name: str, **given: Any) -> Callable[[], nn.Module]:
    return lambda: torchvision.models.get_model(name, weights=None, **given)


def dense_map(name: str) -> Callable[[], nn.Module]:
    """Return a builder of a segmentation network, which returns a dictionary of maps."""

    class Output(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = torchvision.models.get_model(name, weights=None, weights_backbone=None)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.net(x)["out"]

    return Output


NETWORKS: dict[str, tuple[Callable[[], nn.Module], tuple[int, ...]]] = {
    **{name: (vision(name), IMAGE) for name in (
        "alexnet", "mobilenet_v2", "mobilenet_v3_small", "efficientnet_b0", "shufflenet_v2_x0_5", "squeezenet1_1",
        "mnasnet0_5", "regnet_y_400mf", "resnet18", "resnext50_32x4d", "convnext_tiny", "swin_t", "swin_v2_t",
        "vit_b_32", "maxvit_t",
    )},
    "googlenet": (vision("googlenet", init_weights=False, aux_logits=False), IMAGE),
    **{name: (dense_map(name), SMALL) for name in ("lraspp_mobilenet_v3_large", "deeplabv3_mobilenet_v3_large")},
    **{name: (vision(name), CLIP) for name in ("r3d_18", "r2plus1d_18", "swin3d_t")},
    "recurrent": (Recurrent, (1, 30, 40)),
    "encoder": (Encoder, (20, 1, 96)),
    "hourglass": (hourglass, (1, 3, 32, 32)),
}  # fmt: skip


def main(folder: Path) -> None:
    warnings.simplefilter("ignore")
    torch.manual_seed(0)
    for name, (build, shape) in NETWORKS.items():
        network = build().eval()
        for exporter in ("torchscript", "dynamo"):
            path = folder / exporter / f"{name}.onnx"
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                torch.onnx.export(
                    network, (torch.rand(shape),), str(path), dynamo=exporter == "dynamo", external_data=False,
                )  # fmt: skip
            except Exception as error:
                print(f"{exporter} {name}: not exported ({type(error).__name__}: {str(error)[:200]})")
                path.unlink(missing_ok=True)
            else:
                print(f"{exporter} {name}: {path.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
