"""Loss and accuracy of a training run as a picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from sqnxt_export import whole_file
from sqnxt_tf.errors import SqnxtError

_PANELS = {"loss": ("loss", "val_loss"), "accuracy": ("accuracy", "val_accuracy"), "learning rate": ("rate",)}
LABELS = {"loss": "training", "accuracy": "training", "val_loss": "validation", "val_accuracy": "validation"}
_COLOURS = {
    "loss": "#0072B2",
    "accuracy": "#0072B2",
    "rate": "#0072B2",
}  # validation is the other one that is told apart
_OTHER_COLOUR = "#D55E00"


def draw_history(history: Sequence[Mapping[str, float]], path: Path, *, title: str = "", force: bool = False) -> None:
    """Write a picture with a panel each for loss, accuracy and learning rate, over the epochs.

    Raises:
        SqnxtError: No matplotlib, or no epoch to draw.
        ExportError: The file exists and `force` is not set, or cannot be written.
    """
    if not history:
        raise SqnxtError(path, "no epoch was trained", "there is nothing to draw")
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise SqnxtError(
            "matplotlib", "is not installed and is needed for drawing", "run `pip install 'sqnxt-tf[report]'`"
        ) from None
    figure = Figure(figsize=(11, 3.6), layout="constrained")
    epochs = [row["epoch"] for row in history]
    for axes, (panel, names) in zip(figure.subplots(1, len(_PANELS)), _PANELS.items(), strict=True):
        for name in names:
            axes.plot(
                epochs, [row[name] for row in history], color=_COLOURS.get(name, _OTHER_COLOUR), label=LABELS.get(name),
                marker="." if len(history) < 50 else None,
            )  # fmt: skip
        axes.set(title=panel, xlabel="epoch")
        axes.grid(alpha=0.3)
        if len(names) > 1:
            axes.legend()
    figure.suptitle(title)
    with whole_file(path, force=force) as part:
        figure.savefig(part, dpi=120)
