"""Evolve a trained model into smaller ones, generation by generation; every finished offspring is kept."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sqnxt_export import save_keras, to_onnx, whole_file
from sqnxt_tf.accuracy import Evaluation, count_answers
from sqnxt_tf.data.arrays import to_arrays
from sqnxt_tf.data.data_source import DataSource
from sqnxt_tf.errors import SqnxtError
from sqnxt_tf.evolution.channels import trace_channels
from sqnxt_tf.evolution.lineage import FILE, Lineage, Member, file_hash, read_lineage, write_lineage
from sqnxt_tf.evolution.narrowing import prepare_narrowing
from sqnxt_tf.evolution.survival import (
    BYTES_PER_WEIGHT,
    SurvivorDraw,
    draw_survivors,
    filter_strengths,
    group_strengths,
)
from sqnxt_tf.progress import Progress, silent
from sqnxt_tf.sources import ModelSource, check_trained, open_trained, require_tensorflow
from sqnxt_tf.training.loop import train_model
from sqnxt_tf.training.recipe_files import FINETUNE, Recipe
from sqnxt_tf.training.strategies import check_cluster, make_strategy
from sqnxt_tf.workflows.train import check_shift, keras_versions

if TYPE_CHECKING:
    from sqnxt_sim import Accelerator

_GENERATIONS = 4
# No batch norm keeps these in bounds: at 0.01 from the first step a SqueezeNet that had just lost filters stayed at
# chance with one of two seeds.
WITHOUT_NORM = replace(FINETUNE, rate=0.005, warmup_rate=0.0005, warmup_steps=80)
# The abstract of SquishedNets (arXiv 1711.07459) has 2.4 and 0.95 MB; its SqueezeNet v1.1 with ten classes, 727,626
# numbers, is 2.91 MB. Other networks shrink by the same shares.
_FIRST_SHARE, _LAST_SHARE = 2.4 / 2.910504, 0.95 / 2.910504


def evolve(
    model: str | Path,
    folder: str | Path,
    *,
    sizes: Sequence[int] | None = None,
    offspring: int = 1,
    data: str = "digits",
    recipe: Recipe | None = None,
    overrides: Mapping[str, float | None] | None = None,
    accelerator: str | Path = "squeezelerator-16x16",
    seed: int = 0,
    force: bool = False,
    progress: Progress = silent,
) -> Lineage:
    """Let filters survive with a probability that grows with their strength, train what is left, and so on.

    Each offspring inherits its parent's weights, is trained briefly, and scored by accuracy, size and simulated cost
    (`codesign.lineage.Member.score`); the best of a generation is the parent of the next. Offspring are plain `.keras`
    files in `folder`, with `lineage.json`: the same call again goes on with an evolution that was cut, and shows one
    that is finished.

    Args:
        model: A trained `.keras` file, the founder.
        folder: Where the offspring are written.
        sizes: The most bytes of float32 weights that the offspring of each generation may have; where not given four
            generations, with the shares that SquishedNets' abstract tells: of a SqueezeNet v1.1 with ten classes
            2.4 MB to 0.95 MB.
        offspring: How many in each generation.
        data: `digits`, or a divided folder of images: the founder's own.
        recipe: Of the brief training; `FINETUNE` where not given, at a lower rate and with a warm-up for models without
            batch norm.
        overrides: Numbers of the recipe by name that are other than its own.
        accelerator: What the cost is simulated on; a preset's name, or a `.toml` file.
        seed: Of the draws and of the training's order.
        force: Forget what an earlier evolution left in the folder.
        progress: Told how far it is.

    Raises:
        SqnxtError, ExportError, SimulatorError: A model that cannot be read or narrowed, data that are not its own,
            sizes that do not shrink, an evolution of other settings in the folder.
    """
    from sqnxt_sim import load_accelerator

    model, folder = check_trained(model), Path(folder)
    array = load_accelerator(accelerator)
    _check_request(folder, sizes, offspring)
    require_tensorflow()
    if check_cluster() > 1:
        raise SqnxtError("TF_CONFIG", "names several workers, and an evolution runs on one", "unset it")
    run = _Run(
        model=model, folder=folder, data=data, offspring=offspring, array=array, seed=seed, progress=progress,
        sets=DataSource.parse(data).parts(), strategy=make_strategy(),
    )  # fmt: skip
    return run.go(sizes, recipe, overrides or {}, force=force)


def _check_request(folder: Path, sizes: Sequence[int] | None, offspring: int) -> None:
    if folder.exists() and not folder.is_dir():
        raise SqnxtError(folder, "is a file", "give the name of a folder")
    if not folder.parent.is_dir():
        raise SqnxtError(folder, f"folder {folder.parent} does not exist", "create it first")
    if offspring < 1:
        raise SqnxtError(f"offspring {offspring}", "is out of range", "give each generation at least one")
    if sizes is not None and (not sizes or any(later >= size for size, later in pairwise(sizes))):
        raise SqnxtError(
            f"sizes {', '.join(map(str, sizes)) or 'none'}", "do not shrink", "give each less than the last"
        )


@dataclass(kw_only=True)
class _Run:
    """All that an evolution is told, and what it looked up."""

    model: Path
    folder: Path
    data: str
    offspring: int
    array: Accelerator
    seed: int
    progress: Progress
    sets: Any
    strategy: Any
    arrays: Any = None

    def go(
        self, sizes: Sequence[int] | None, recipe: Recipe | None, overrides: Mapping[str, float | None], *, force: bool
    ) -> Lineage:
        """Everything that needs TensorFlow."""
        founder = open_trained(self.model, self.sets["train"])
        self.arrays = {split: to_arrays(part, founder.preprocessing) for split, part in self.sets.items()}
        recipe = (recipe or _suitable_recipe(founder.model)).overridden(**overrides)
        check_shift(recipe, (founder.preprocessing.height, founder.preprocessing.width))
        sizes = sizes or default_sizes(BYTES_PER_WEIGHT * founder.model.count_params())
        lineage = self.begin(founder, self.settings(sizes, recipe), force=force)
        for generation, largest in enumerate(sizes, 1):
            parent = lineage.best(generation - 1)
            for sibling in range(len(lineage.generation(generation)), self.offspring):
                path = self.model if parent.parent is None else lineage.path(parent)
                member = self.bear(open_trained(path, self.sets["train"]), parent, generation, sibling, largest, recipe)
                lineage = replace(lineage, members=(*lineage.members, member))
                self.keep(lineage)
        return lineage

    def settings(self, sizes: Sequence[int], recipe: Recipe) -> dict[str, Any]:
        """What an evolution that goes on must share with the one before."""
        return {
            "model_sha256": file_hash(self.model), "sizes": list(sizes), "offspring": self.offspring,
            "data": self.data, "accelerator": self.array.name, "accelerator_numbers": self.array.numbers,
            "seed": self.seed, "recipe": asdict(recipe),
        }  # fmt: skip

    def begin(self, founder: ModelSource, settings: dict[str, Any], *, force: bool) -> Lineage:
        """What is there already, or the founder alone."""
        lineage = None if force else read_lineage(self.folder)
        if lineage is not None:
            changed = [key for key, value in settings.items() if lineage.settings.get(key) != value]
            if changed:
                raise SqnxtError(
                    self.folder,
                    f"holds an evolution of other settings ({', '.join(changed)})",
                    "give the same ones to go on, or --force to start afresh",
                )
            return lineage
        if self.folder.is_dir() and any(self.folder.iterdir()) and not force:
            raise SqnxtError(self.folder, "is not empty", "choose another folder, or overwrite it with --force")
        channels = trace_channels(founder.model)
        whole = SurvivorDraw(alive=channels.whole(), environment=0.0, parameters=founder.model.count_params())
        member = self.judge(founder.model, "founder", None, 0, whole, channels.filters(whole.alive))
        self.folder.mkdir(exist_ok=True)
        lineage = Lineage(
            folder=self.folder, settings=settings, members=(replace(member, sha256=settings["model_sha256"]),)
        )
        self.keep(lineage)
        return lineage

    def keep(self, lineage: Lineage) -> None:
        """Write the lineage as it is now."""
        with whole_file(self.folder / FILE, force=True) as part:
            write_lineage(lineage, part)

    def bear(
        self, source: ModelSource, parent: Member, generation: int, sibling: int, largest: int, recipe: Recipe
    ) -> Member:
        """Draw an offspring, train it, judge it, write its file."""
        name = f"offspring-{generation}" + (f"-{sibling + 1}" if self.offspring > 1 else "")
        channels = trace_channels(source.model)
        strengths = group_strengths(channels, filter_strengths(source.model, channels))
        seeds = np.random.SeedSequence([self.seed, generation, sibling])
        draw = draw_survivors(channels, strengths, np.random.default_rng(seeds), largest=largest)
        training_seed = int(seeds.generate_state(1)[0]) % 2**31
        make = prepare_narrowing(source.model, channels, draw.alive, seed=training_seed)

        def tell(task: str, done: int, total: int, **figures: float) -> None:
            self.progress(f"{task} {name}", done, total, **figures)

        trained = train_model(
            make, self.arrays["train"], self.arrays["validation"], recipe, strategy=self.strategy, seed=training_seed,
            progress=tell,
        )  # fmt: skip
        member = self.judge(trained.model, name, parent.name, generation, draw, channels.filters(draw.alive))
        path = self.folder / f"{name}.keras"
        ancestry = {"parent": parent.name, "generation": generation, "environment": draw.environment, "seed": self.seed}
        metadata = replace(
            source.metadata, preprocessing=source.preprocessing, accuracy=member.top1, versions=keras_versions(),
            data=self.sets["test"].name, extra={**source.metadata.extra, "evolution": ancestry},
        )  # fmt: skip
        save_keras(trained.model, path, metadata, force=True)
        return replace(member, sha256=file_hash(path))

    def judge(
        self, model: Any, name: str, parent: str | None, generation: int, draw: SurvivorDraw, filters: int
    ) -> Member:
        """Accuracy on both parts, size and simulated cost; the file's hash is not known yet."""
        validation, test = (self.answers(model, split) for split in ("validation", "test"))
        low, high = test.top1_interval
        report = simulated(model, self.array)
        return Member(
            name=name, parent=parent, generation=generation, environment=draw.environment or None, filters=filters,
            parameters=draw.parameters, bytes=draw.bytes, macs=report.macs, cycles=report.cycles,
            energy=report.energy.total, validation=validation.top1, top1=test.top1, top1_low=low, top1_high=high,
            sha256="",
        )  # fmt: skip

    def answers(self, model: Any, split: str) -> Evaluation:
        """How the model does on one part of the data."""
        logits = model.predict(self.arrays[split].images, verbose=0)
        return count_answers(self.folder, self.sets[split], logits)


def default_sizes(founder_bytes: int) -> list[int]:
    """Four sizes in bytes, each the same part of the one before, from the abstract's first share to its last."""
    step = (_LAST_SHARE / _FIRST_SHARE) ** (1 / (_GENERATIONS - 1))
    return [int(founder_bytes * _FIRST_SHARE * step**index + 0.5) for index in range(_GENERATIONS)]


def simulated(model: Any, array: Accelerator) -> Any:
    """What the model's float32 ONNX graph costs on an accelerator."""
    from sqnxt_sim import read_onnx, simulate

    with tempfile.TemporaryDirectory() as place:
        path = Path(place, f"{model.name}.onnx")
        path.write_bytes(to_onnx(model).SerializeToString())
        return simulate(read_onnx(path), array)


def _suitable_recipe(model: Any) -> Recipe:
    normed = any(type(layer).__name__ == "BatchNormalization" for layer in model.layers)
    return FINETUNE if normed else WITHOUT_NORM
