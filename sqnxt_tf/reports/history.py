"""Loss and accuracy of a training run as a picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from sqnxt_base.printable_text import printable_in_picture
from sqnxt_export import whole_file
from sqnxt_tf.errors import SqnxtError
from sqnxt_tf.reports.picture_files import check_picture_file

_PANELS = {"loss": ("loss", "val_loss"), "accuracy": ("accuracy", "val_accuracy"), "learning rate": ("rate",)}
_UNITS = {"loss": "loss per image", "accuracy": "fraction of images", "learning rate": "at the epoch's last step"}
LABELS = {
    "loss": "training, during the epoch", "accuracy": "training, during the epoch",
    "val_loss": "validation, after it", "val_accuracy": "validation, after it",
}  # fmt: skip
_TRAINING, _VALIDATION = "#0072B2", "#D55E00"  # told apart by colour-blind eyes too


def draw_history(history: Sequence[Mapping[str, float]], path: Path, *, title: str = "", force: bool = False) -> None:
    """Draw loss, accuracy and learning rate over the epochs, one panel each.

    The two curves of a panel are of different things, and the picture says so: training is measured during the epoch,
    on augmented images and with the recipe's loss; validation after it, on plain images and with plain cross-entropy.

    Raises:
        SqnxtError: The suffix of `path` is unknown, matplotlib is not installed, or no epoch was trained.
        ExportError: The file exists and `force` is not set, or cannot be written.
    """
    if not history:
        raise SqnxtError(path, "cannot be drawn, as no epoch was trained", "train one epoch at least")
    check_picture_file(path, force=force)
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 3.6), layout="constrained")
    epochs = [row["epoch"] for row in history]
    for axes, (panel, names) in zip(figure.subplots(1, len(_PANELS)), _PANELS.items(), strict=True):
        for name in names:
            axes.plot(
                epochs, [row[name] for row in history], color=_VALIDATION if name.startswith("val_") else _TRAINING,
                label=LABELS.get(name), marker="." if len(history) < 50 else None,
            )  # fmt: skip
        axes.set(title=panel, xlabel="epoch", ylabel=_UNITS[panel])
        axes.xaxis.get_major_locator().set_params(integer=True)  # epochs are whole
        axes.grid(alpha=0.3)
        if panel == "accuracy":
            axes.set_ylim(0, 1)
        else:
            axes.set_ylim(bottom=0)
        if len(names) > 1:
            axes.legend()
    figure.suptitle(printable_in_picture(title))
    with whole_file(path, force=force) as part:
        figure.savefig(part, dpi=120)
