"""Evolve a trained model into smaller ones, generation by generation; every finished offspring is kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sqnxt_base.opening import temporary_folder
from sqnxt_export import ACCURACY_IMAGES, read_metadata, save_keras, to_onnx, whole_file
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
from sqnxt_tf.options.given import options_from
from sqnxt_tf.options.training import EvolveOptions
from sqnxt_tf.output_folder import holds_something
from sqnxt_tf.own_data import own_data_or_digits
from sqnxt_tf.progress import Progress, silent
from sqnxt_tf.sources import ModelSource, check_trained, open_trained, require_tensorflow
from sqnxt_tf.training.loop import train_model
from sqnxt_tf.training.recipe_files import FINETUNE, Recipe
from sqnxt_tf.training.run_options import RunOptions
from sqnxt_tf.training.strategies import check_cluster, make_strategy
from sqnxt_tf.workflows.model_output import check_shift, keras_versions

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
    options: EvolveOptions | None = None,
    *,
    force: bool = False,
    progress: Progress = silent,
    **settings: Any,
) -> Lineage:
    """Let filters survive with a probability that grows with their strength, train the others, and so on.

    Each offspring inherits its parent's weights, is trained briefly, and scored by accuracy, size and simulated cost
    (`evolution.lineage.Member.score`); the best of a generation is the parent of the next. Offspring are plain
    `.keras` files in `folder`, with `lineage.json`: the same call again resumes an evolution that was interrupted, and
    shows one that is finished.

    Args:
        model: A trained `.keras` file, the founder.
        folder: Where the offspring are written.
        options: Sizes, number and training of the offspring.
        force: Forget what an earlier evolution left in the folder.
        progress: Called as the work goes on.
        settings: Fields of `EvolveOptions`, in place of or on top of `options`.

    Raises:
        SqnxtError, ExportError, SimulatorError: A model that cannot be read or narrowed, data that are not its own,
            sizes that do not shrink, an evolution of other settings in the folder.
    """
    from sqnxt_sim import load_accelerator

    options = options_from(EvolveOptions, options, settings)
    model, folder = check_trained(model), Path(folder)
    array = load_accelerator(options.accelerator)
    _check_folder(folder)
    require_tensorflow()
    if check_cluster() > 1:
        raise SqnxtError("TF_CONFIG", "names several workers, and an evolution runs on one", "unset it")
    data = own_data_or_digits(model, read_metadata(model), options.data)
    run = _Run(
        model=model, folder=folder, options=options, array=array, progress=progress, data=data, sets=data.parts(),
        strategy=make_strategy(),
    )  # fmt: skip
    return run.go(force=force)


def _check_folder(folder: Path) -> None:
    if folder.exists() and not folder.is_dir():
        raise SqnxtError(folder, "is a file", "give the name of a folder")


@dataclass(kw_only=True)
class _Run:
    """What an evolution is asked for, and what it looked up."""

    model: Path
    folder: Path
    options: EvolveOptions
    array: Accelerator
    progress: Progress
    data: DataSource
    sets: Any
    strategy: Any
    arrays: Any = None

    def go(self, *, force: bool) -> Lineage:
        """Do all that needs TensorFlow."""
        founder = open_trained(self.model, self.sets["train"], preprocessing=self.options.preprocessing)
        prepared = founder.known_input()
        self.arrays = {split: to_arrays(part, prepared) for split, part in self.sets.items()}
        recipe = self.recipe(founder)
        check_shift(recipe, (prepared.height, prepared.width))
        sizes = self.options.sizes or default_sizes(BYTES_PER_WEIGHT * founder.model.count_params())
        lineage = self.begin(founder, self.settings(sizes, recipe), force=force)
        for generation, largest in enumerate(sizes, 1):
            parent = lineage.best(generation - 1)
            for sibling in range(len(lineage.generation(generation)), self.options.offspring):
                member = self.breed(self.opened(lineage, parent), parent, generation, sibling, largest, recipe)
                lineage = replace(lineage, members=(*lineage.members, member))
                self.keep(lineage)
        return lineage

    def recipe(self, founder: ModelSource) -> Recipe:
        """Return the recipe of every offspring."""
        options = self.options
        return (options.recipe or _suitable_recipe(founder.model)).overridden(
            epochs=options.epochs, batch=options.batch, rate=options.rate
        )

    def opened(self, lineage: Lineage, parent: Member) -> ModelSource:
        """Return a parent; what was said of the founder's preprocessing stands in its offspring's files."""
        if parent.parent is not None:
            return open_trained(lineage.path(parent), self.sets["train"])
        return open_trained(self.model, self.sets["train"], preprocessing=self.options.preprocessing)

    def settings(self, sizes: Sequence[int], recipe: Recipe) -> dict[str, Any]:
        """Return what an evolution must share with the one that it resumes."""
        return {
            "model_sha256": file_hash(self.model), "sizes": list(sizes), "offspring": self.options.offspring,
            "data": self.data.name, "accelerator": self.array.name, "accelerator_numbers": self.array.numbers,
            "seed": self.options.seed, "recipe": asdict(recipe),
            **({} if self.options.preprocessing is None else {"preprocessing": self.options.preprocessing}),
        }  # fmt: skip

    def begin(self, founder: ModelSource, settings: dict[str, Any], *, force: bool) -> Lineage:
        """Return the lineage that an earlier call has left, or the founder alone."""
        lineage = None if force else read_lineage(self.folder)
        if lineage is not None:
            changed = [key for key, value in settings.items() if lineage.settings.get(key) != value]
            if changed:
                raise SqnxtError(
                    self.folder,
                    f"holds an evolution of other settings ({', '.join(changed)})",
                    "give the same settings to resume it, or pass `force=True` to start afresh",
                )
            return lineage
        if holds_something(self.folder) and not force:
            raise SqnxtError(self.folder, "is not empty", "choose another folder, or pass `force=True`")
        channels = trace_channels(founder.model)
        whole = SurvivorDraw(alive=channels.whole(), environment=0.0, parameters=founder.model.count_params())
        member = self.score(founder.model, "founder", None, 0, whole, channels.filters(whole.alive))
        self.folder.mkdir(parents=True, exist_ok=True)
        lineage = Lineage(
            folder=self.folder, settings=settings, members=(replace(member, sha256=settings["model_sha256"]),)
        )
        self.keep(lineage)
        return lineage

    def keep(self, lineage: Lineage) -> None:
        """Write the lineage as it is now."""
        with whole_file(self.folder / FILE, force=True) as part:
            write_lineage(lineage, part)

    def breed(
        self, source: ModelSource, parent: Member, generation: int, sibling: int, largest: int, recipe: Recipe
    ) -> Member:
        """Draw an offspring, train it, score it, write its file."""
        name = f"offspring-{generation}" + (f"-{sibling + 1}" if self.options.offspring > 1 else "")
        channels = trace_channels(source.model)
        strengths = group_strengths(channels, filter_strengths(source.model, channels))
        seeds = np.random.SeedSequence([self.options.seed, generation, sibling])
        draw = draw_survivors(channels, strengths, np.random.default_rng(seeds), largest=largest)
        training_seed = int(seeds.generate_state(1)[0]) % 2**31
        make = prepare_narrowing(source.model, channels, draw.alive, seed=training_seed)

        def tell(task: str, done: int, total: int, **figures: float) -> None:
            self.progress(f"{task} {name}", done, total, **figures)

        how = RunOptions(strategy=self.strategy, seed=training_seed, progress=tell)
        trained = train_model(make, self.arrays["train"], self.arrays["validation"], recipe, how)
        member = self.score(trained.model, name, parent.name, generation, draw, channels.filters(draw.alive))
        path = self.folder / f"{name}.keras"
        ancestry = {
            "parent": parent.name,
            "generation": generation,
            "environment": draw.environment,
            "seed": self.options.seed,
        }
        metadata = replace(
            source.metadata, preprocessing=source.preprocessing, accuracy=member.top1, versions=keras_versions(),
            data=self.sets["test"].name,
            extra={**source.metadata.extra, ACCURACY_IMAGES: len(self.sets["test"]), "evolution": ancestry},
        )  # fmt: skip
        save_keras(trained.model, path, metadata, force=True)
        return replace(member, sha256=file_hash(path))

    def score(
        self, model: Any, name: str, parent: str | None, generation: int, draw: SurvivorDraw, filters: int
    ) -> Member:
        """Return accuracy on both parts, size and simulated cost; the file's hash is not known yet."""
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
        """Evaluate the model on one part of the data."""
        arrays = self.arrays[split]
        logits = model.predict(arrays.images, verbose=0)
        return count_answers(self.folder, self.sets[split], logits, shown=arrays)


def default_sizes(founder_bytes: int) -> list[int]:
    """Return four sizes in bytes that shrink by a constant factor, from the abstract's first share to its last."""
    step = (_LAST_SHARE / _FIRST_SHARE) ** (1 / (_GENERATIONS - 1))
    return [int(founder_bytes * _FIRST_SHARE * step**index + 0.5) for index in range(_GENERATIONS)]


def simulated(model: Any, array: Accelerator) -> Any:
    """Return the simulated cost of the model's float32 ONNX graph on an accelerator."""
    from sqnxt_sim import read_onnx, simulate_workload

    with temporary_folder() as place:
        path = place / f"{model.name}.onnx"
        path.write_bytes(to_onnx(model).SerializeToString())
        return simulate_workload(read_onnx(path), array)


def _suitable_recipe(model: Any) -> Recipe:
    normed = any(type(layer).__name__ == "BatchNormalization" for layer in model.layers)
    return FINETUNE if normed else WITHOUT_NORM
