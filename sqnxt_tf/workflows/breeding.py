"""One offspring of an evolution: drawn from its parent, trained, scored and written, in whatever process."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from sqnxt_base.opening import temporary_folder
from sqnxt_export import ACCURACY_IMAGES, Preprocessing, read_metadata, save_keras, to_onnx
from sqnxt_tf.accuracy import Evaluation, count_answers
from sqnxt_tf.data.cached import Cached
from sqnxt_tf.data.data_source import DataSource
from sqnxt_tf.data.digits import Split, digits
from sqnxt_tf.data.images import Labelled
from sqnxt_tf.data.pipeline import Arrays
from sqnxt_tf.data.training_data import TrainingData, evaluate_stream, open_training_data
from sqnxt_tf.evolution.channels import trace_channels
from sqnxt_tf.evolution.lineage import Lineage, Member, file_hash
from sqnxt_tf.evolution.narrowing import prepare_narrowing
from sqnxt_tf.evolution.survival import SurvivorDraw, draw_survivors, filter_strengths, group_strengths
from sqnxt_tf.options.training import EvolveOptions
from sqnxt_tf.own_data import own_data_or_digits
from sqnxt_tf.progress import Progress
from sqnxt_tf.sources import ModelSource, open_trained
from sqnxt_tf.training.batch_norms import is_batch_norm
from sqnxt_tf.training.data_options import stream_options
from sqnxt_tf.training.fine_tuning import fine_tuning_recipe
from sqnxt_tf.training.loop import train_model
from sqnxt_tf.training.recipe import Recipe
from sqnxt_tf.training.run_folder import RunFolder
from sqnxt_tf.training.run_options import RunOptions
from sqnxt_tf.training.strategies import is_chief, make_strategy, wait_for_all
from sqnxt_tf.workflows.model_output import check_shift, keras_versions

if TYPE_CHECKING:
    from sqnxt_sim import Accelerator


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """The place of an offspring in its lineage.

    Attributes:
        generation: Its generation, from 1.
        sibling: Its number among the offspring of its generation, from 0.
        largest: The most bytes of its weights in float32.
    """

    generation: int
    sibling: int
    largest: int

    def name(self, offspring: int) -> str:
        """Return the name of the offspring, of so many in its generation."""
        return f"offspring-{self.generation}" + (f"-{self.sibling + 1}" if offspring > 1 else "")


@dataclass(kw_only=True)
class Breeder:
    """What all offspring of an evolution have in common: founder, data, recipe, array and strategy."""

    path: Path
    folder: Path
    options: EvolveOptions
    progress: Progress
    array: Accelerator
    data: DataSource
    labelled: Labelled
    founder: ModelSource
    recipe: Recipe
    parts: TrainingData
    strategy: Any

    @classmethod
    def of(cls, path: Path, folder: Path, options: EvolveOptions, progress: Progress) -> Breeder:
        """Open the founder and its data.

        Raises:
            SqnxtError, ExportError, SimulatorError: A model that cannot be read, data that are not its own, a recipe
                or an accelerator that does not fit.
        """
        from sqnxt_sim import load_accelerator

        array = load_accelerator(options.accelerator)
        data = own_data_or_digits(path, read_metadata(path), options.data)
        encoded = None if data.is_digits else data.encoded_parts()
        labelled = encoded["train"] if encoded else digits("train")
        strategy = make_strategy(options.strategy, wait=options.wait)
        founder = open_trained(path, labelled, preprocessing=options.preprocessing)
        prepared, recipe = founder.known_input(), _recipe(founder.model, data, options)
        check_shift(recipe, (prepared.height, prepared.width))
        parts = open_training_data(data, prepared, stream_options(recipe), parts=encoded, progress=progress)
        return cls(
            path=path, folder=folder, options=options, progress=progress, array=array, data=data, labelled=labelled,
            founder=founder, recipe=recipe, parts=parts, strategy=strategy,
        )  # fmt: skip

    @property
    def preprocessing(self) -> Preprocessing:
        """How an image becomes the input of every model of the lineage."""
        return self.founder.preprocessing

    def breed(self, lineage: Lineage, place: Place) -> Member:
        """Draw an offspring of the best of the generation before, train it, score it, and write its file.

        A training run that was cut is resumed from its last checkpoint in `NAME.train/`. Of several workers, which all
        train it, the chief alone writes.

        Raises:
            SqnxtError: The size is out of reach, the training diverges, or a file cannot be written.
        """
        parent, name = lineage.best(place.generation - 1), place.name(self.options.offspring)
        source = self._opened(lineage, parent)
        channels = trace_channels(source.model)
        strengths = group_strengths(channels, filter_strengths(source.model, channels))
        seeds = np.random.SeedSequence([self.options.seed, place.generation, place.sibling])
        draw = draw_survivors(channels, strengths, np.random.default_rng(seeds), largest=place.largest)
        training_seed = int(seeds.generate_state(1)[0]) % 2**31
        make = prepare_narrowing(source.model, channels, draw.alive, seed=training_seed)

        def tell(task: str, done: int, total: int, **figures: float) -> None:
            self.progress(f"{task} {name}", done, total, **figures)

        run = RunFolder(self.folder / f"{name}.train")
        how = RunOptions(strategy=self.strategy, seed=training_seed, folder=run, progress=tell)
        # its state is this evolution's own: one that is not of this very offspring is forgotten
        with run.begun(self._identity(parent, place), force=True) if is_chief() else nullcontext():
            wait_for_all(self.strategy)  # nobody reads a state that is being forgotten
            trained = train_model(make, self.parts.training, self.parts.validation, self.recipe, how)
            member = self.score(trained.model, name, parent, draw, channels.filters(draw.alive))
            if is_chief():
                self._save(trained.model, source, member)
                run.finish()
        return replace(member, sha256=file_hash(lineage.path(member))) if is_chief() else member

    def _opened(self, lineage: Lineage, parent: Member) -> ModelSource:
        """Return a parent; what was said of the founder's preprocessing stands in its offspring's files."""
        return open_trained(lineage.path(parent), self.labelled) if parent.parent is not None else self.founder

    def _identity(self, parent: Member, place: Place) -> dict[str, Any]:
        """Return what a training run must share with the one that it resumes."""
        return {
            "parent_sha256": parent.sha256, **asdict(place), "seed": self.options.seed, "data": self.data.name,
            "images": len(self.parts.training), "recipe": asdict(self.recipe),
        }  # fmt: skip

    def _save(self, model: Any, source: ModelSource, member: Member) -> None:
        ancestry = {
            "parent": member.parent,
            "generation": member.generation,
            "environment": member.environment,
            "seed": self.options.seed,
        }
        metadata = replace(
            source.metadata, preprocessing=self.preprocessing, accuracy=member.top1, versions=keras_versions(),
            data=self.parts.test.name,
            extra={**source.metadata.extra, ACCURACY_IMAGES: len(self.parts.test), "evolution": ancestry},
        )  # fmt: skip
        save_keras(model, self.folder / f"{member.name}.keras", metadata, force=True)

    def score(self, model: Any, name: str, parent: Member | None, draw: SurvivorDraw, filters: int) -> Member:
        """Return accuracy on both parts, size and simulated cost; the file's hash is not known yet."""
        validation, test = self._answers(model, "validation"), self.parts.judge(model, self.folder)
        low, high = test.top1_interval
        report = simulated(model, self.array)
        return Member(
            name=name, parent=parent.name if parent else None, generation=parent.generation + 1 if parent else 0,
            environment=draw.environment or None, filters=filters, parameters=draw.parameters, bytes=draw.bytes,
            macs=report.macs, cycles=report.cycles, energy=report.energy.total, validation=validation.top1,
            top1=test.top1, top1_low=low, top1_high=high, sha256="",
        )  # fmt: skip

    def _answers(self, model: Any, split: Split) -> Evaluation:
        images = self.parts.validation
        if isinstance(images, Arrays):
            return count_answers(self.folder, digits(split), model.predict(images.images, verbose=0))
        stream = images.stream if isinstance(images, Cached) else images
        return evaluate_stream(self.folder, stream, model.predict_on_batch)


def simulated(model: Any, array: Accelerator) -> Any:
    """Return the simulated cost of the model's float32 ONNX graph on an accelerator."""
    from sqnxt_sim import read_onnx, simulate_workload

    with temporary_folder() as place:
        path = place / f"{model.name}.onnx"
        path.write_bytes(to_onnx(model).SerializeToString())
        return simulate_workload(read_onnx(path), array)


def _recipe(founder: Any, data: DataSource, options: EvolveOptions) -> Recipe:
    """Return the recipe of every offspring."""
    return (options.recipe or suitable_recipe(founder, data)).overridden(
        epochs=options.epochs, batch=options.batch, rate=options.rate
    )


def suitable_recipe(founder: Any, data: DataSource) -> Recipe:
    """Return how the offspring of a model are trained by default: gently without batch norm, with crops on photographs.

    Args:
        founder: The `tf_keras` model that the evolution begins with.
        data: The digits, or anything else, which counts as photographs.
    """
    return fine_tuning_recipe(digits=data.is_digits, normed=any(map(is_batch_norm, founder.layers)))
