"""Train a network on data and save it with all that a device needs to know of it."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sqnxt_export import Metadata, save_keras
from sqnxt_export.artifact.files import check_output

from .. import __version__
from ..data import load_splits
from ..device.evaluation import Evaluation, count_answers
from ..errors import SqnxtError
from ..networks.keras_ops import build
from ..networks.registry import find_network, layer_rows
from ..progress import Progress, silent
from ..training.loop import train as run_training
from ..training.recipes import DIGITS, PAPER, Recipe
from ..training.run_folder import History, RunFolder
from ..training.strategies import StrategyName, check_cluster, is_chief, make_strategy
from .models import default_preprocessing, require_tensorflow, to_arrays


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingResult:
    """A saved model, its history epoch by epoch, and how it does on the test part of its data."""

    path: Path
    network: str
    history: History
    test: Evaluation

    def to_json(self) -> dict[str, Any]:
        """The `train` and `prune` document."""
        return {
            "path": str(self.path),
            "network": self.network,
            "epochs": len(self.history),
            "history": self.history,
            "test": self.test.to_json(),
        }


def train(
    network: str,
    output: str | Path,
    *,
    data: str = "digits",
    recipe: Recipe | None = None,
    input_size: int | tuple[int, int] | None = None,
    seed: int = 0,
    strategy: StrategyName = "auto",
    force: bool = False,
    progress: Progress = silent,
) -> TrainingResult:
    """Train `network` on `data` and write a `.keras` file with labels and preprocessing.

    State lives beside the output in `NAME.train/`: the same call again goes on with an unfinished run, and its
    `history.csv` keeps the figures of every epoch. Of several workers the chief alone writes the model.

    Args:
        network: a name, ours or the paper's.
        output: the `.keras` file to write.
        data: `digits`, or a folder of images by class.
        recipe: every number of the run; `DIGITS` for digits and `PAPER` for a folder where it is not given.
        input_size: side in pixels or (height, width); 64 for digits, else the network's own.
        seed: of initial weights, order and augmentation.
        strategy: the `tf.distribute` strategy by name.
        force: overwrite the output, and forget the state of a run that was begun.
        progress: told how far it is.

    Raises:
        SqnxtError, ExportError: an unknown network, data that are not there, an output that exists.
    """
    output = check_model_output(output, force=force)
    known = find_network(network)
    recipe = recipe or (DIGITS if data == "digits" else PAPER)
    preprocessing = default_preprocessing(data, known.name, input_size)
    sets = load_splits(data)
    labels = sets["train"].class_names
    size = (preprocessing.height, preprocessing.width)
    check_shift(recipe, size)
    settings = {
        "network": known.name, "data": data, "classes": len(labels), "input_size": size, "seed": seed,
        "recipe": asdict(recipe),
    }  # fmt: skip
    require_tensorflow()
    layer_rows(known.name, classes=len(labels), input_size=size)  # an input that is too small
    arrays = {split: to_arrays(part, preprocessing) for split, part in sets.items()}
    check_cluster(strategy)  # like the images, before anything is written
    folder = RunFolder(output.with_suffix(".train"))
    if is_chief():
        folder.begin(settings, force=force)  # before the workers meet, so that all find the same state
    scope = make_strategy(strategy)
    run = run_training(
        lambda: build(known.name, classes=len(labels), input_size=size, seed=seed),
        arrays["train"],
        arrays["validation"],
        recipe,
        strategy=scope,
        seed=seed,
        folder=folder,
        progress=progress,
    )
    test = count_answers(output, sets["test"], run.model.predict(arrays["test"].images, verbose=0))
    metadata = Metadata(
        network=known.name,
        labels=labels,
        preprocessing=preprocessing,
        input_size=size,
        accuracy=test.top1,
        data=sets["test"].name,
        versions=keras_versions(),
        extra={"settings": settings},
    )
    if is_chief():
        save_keras(run.model, output, metadata, force=force)
        folder.finish()
    return TrainingResult(path=output, network=known.name, history=run.history, test=test)


def check_model_output(output: str | Path, *, force: bool) -> Path:
    """The path of the `.keras` file to write.

    Raises:
        SqnxtError, ExportError: another suffix, or a file that cannot be written.
    """
    output = Path(output)
    if output.suffix != ".keras":
        raise SqnxtError(f"{output}: a model is a .keras file; give the output that suffix")
    check_output(output, force=force)
    return output


def check_shift(recipe: Recipe, size: tuple[int, int]) -> None:
    """Refuse augmentation that would shift an image of that height and width out of itself.

    Raises:
        SqnxtError: it would.
    """
    if recipe.max_shift > min(size):
        raise SqnxtError(
            f"recipe: max_shift = {recipe.max_shift} is more than an input of {min(size)} pixels; enlarge it"
        )


def keras_versions() -> dict[str, str]:
    """What made a model, by package."""
    from importlib.metadata import version

    return {"sqnxt-tf": __version__, **{name: version(name) for name in ("tensorflow", "tf_keras")}}
