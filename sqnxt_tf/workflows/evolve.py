"""Evolve a trained model into smaller ones, generation by generation; every finished offspring is kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from sqnxt_export import whole_file
from sqnxt_tf.errors import SqnxtError
from sqnxt_tf.evolution.channels import trace_channels
from sqnxt_tf.evolution.lineage import FILE, Lineage, Member, file_hash, read_lineage, write_lineage
from sqnxt_tf.evolution.survival import BYTES_PER_WEIGHT, SurvivorDraw
from sqnxt_tf.options.given import options_from
from sqnxt_tf.options.training import EvolveOptions
from sqnxt_tf.output_folder import holds_something
from sqnxt_tf.progress import Progress, silent
from sqnxt_tf.sources import check_trained, require_tensorflow
from sqnxt_tf.training.strategies import check_cluster, is_chief, wait_for_all, workers_watched
from sqnxt_tf.workflows.breeding import Breeder, Place
from sqnxt_tf.workflows.offspring_jobs import OffspringJob, run_jobs

_GENERATIONS = 4
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
    shows one that is finished. An offspring whose training was cut continues from its last checkpoint in `NAME.train/`.

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
    options = options_from(EvolveOptions, options, settings)
    model, folder = check_trained(model), Path(folder)
    if folder.exists() and not folder.is_dir():
        raise SqnxtError(folder, "is a file", "give the name of a folder")
    require_tensorflow()
    if check_cluster(options.strategy) > 1 and options.workers > 1:
        raise SqnxtError("TF_CONFIG", "names several workers that train each offspring together", "leave `workers` out")
    run = _Run(breeder=Breeder.of(model, folder, options, progress), options=options, force=force)
    with workers_watched(run.breeder.strategy, folder):
        return run.go()


@dataclass(kw_only=True)
class _Run:
    """An evolution in progress."""

    breeder: Breeder
    options: EvolveOptions
    force: bool

    def go(self) -> Lineage:
        """Breed all generations. Of several workers, all train each offspring, and follow what the chief has kept."""
        sizes = self.options.sizes or default_sizes(BYTES_PER_WEIGHT * self.breeder.founder.model.count_params())
        lineage = self._together(self._begin(self._settings(sizes)) if is_chief() else None)
        for generation, largest in enumerate(sizes, 1):
            there = {member.name for member in lineage.generation(generation)}
            places = [Place(generation=generation, sibling=sibling, largest=largest)
                      for sibling in range(self.options.offspring)]  # fmt: skip
            missing = [place for place in places if place.name(self.options.offspring) not in there]
            if self.options.workers > 1 and len(missing) > 1:
                lineage = self._bred_in_jobs(lineage, missing)
                continue
            for place in missing:
                member = self.breeder.breed(lineage, place)
                lineage = self._together(self._kept(lineage, member) if is_chief() else None)
        return lineage

    def _bred_in_jobs(self, lineage: Lineage, places: Sequence[Place]) -> Lineage:
        """Breed siblings in processes of their own; each is kept as soon as it is finished."""
        breeder, kept = self.breeder, lineage

        def keep(member: Member) -> None:
            nonlocal kept
            kept = self._kept(kept, member)

        jobs = [OffspringJob.of(breeder, place) for place in places]
        run_jobs(jobs, self.options.workers, keep, breeder.progress)
        return kept

    def _settings(self, sizes: Sequence[int]) -> dict[str, Any]:
        """Return what an evolution must share with the one that it resumes."""
        breeder, options = self.breeder, self.options
        return {
            "model_sha256": file_hash(breeder.path), "sizes": list(sizes), "offspring": options.offspring,
            "data": breeder.data.name, "accelerator": breeder.array.name,
            "accelerator_numbers": breeder.array.numbers, "seed": options.seed, "recipe": asdict(breeder.recipe),
            **({} if options.preprocessing is None else {"preprocessing": options.preprocessing}),
        }  # fmt: skip

    def _begin(self, settings: dict[str, Any]) -> Lineage:
        """Return the lineage that an earlier call has left, or the founder alone."""
        breeder, folder = self.breeder, self.breeder.folder
        lineage = None if self.force else read_lineage(folder)
        if lineage is not None:
            changed = [key for key, value in settings.items() if lineage.settings.get(key) != value]
            if changed:
                raise SqnxtError(
                    folder,
                    f"holds an evolution of other settings ({', '.join(changed)})",
                    "give the same settings to resume it, or pass `force=True` to start afresh",
                )
            return lineage
        if holds_something(folder) and not self.force:
            raise SqnxtError(folder, "is not empty", "choose another folder, or pass `force=True`")
        model = breeder.founder.model
        channels = trace_channels(model)
        whole = SurvivorDraw(alive=channels.whole(), environment=0.0, parameters=model.count_params())
        member = breeder.score(model, "founder", None, whole, channels.filters(whole.alive))
        folder.mkdir(parents=True, exist_ok=True)
        founder = replace(member, sha256=settings["model_sha256"])
        return self._written(Lineage(folder=folder, settings=settings, members=(founder,)))

    def _kept(self, lineage: Lineage, member: Member) -> Lineage:
        """Return the lineage with a member, which may have been finished before its elder siblings, and write it."""
        members = sorted((*lineage.members, member), key=lambda one: (one.generation, len(one.name), one.name))
        return self._written(replace(lineage, members=tuple(members)))

    def _written(self, lineage: Lineage) -> Lineage:
        with whole_file(self.breeder.folder / FILE, force=True) as part:
            write_lineage(lineage, part)
        return lineage

    def _together(self, lineage: Lineage | None) -> Lineage:
        """Return the lineage that the chief has written, on every worker; the chief gives its own."""
        wait_for_all(self.breeder.strategy)
        found = lineage or read_lineage(self.breeder.folder)
        if found is None:
            raise SqnxtError(self.breeder.folder, "is not the folder of the chief", "give all workers the same folder")
        return found


def default_sizes(founder_bytes: int) -> list[int]:
    """Return four sizes in bytes that shrink by a constant factor, from the abstract's first share to its last."""
    step = (_LAST_SHARE / _FIRST_SHARE) ** (1 / (_GENERATIONS - 1))
    return [int(founder_bytes * _FIRST_SHARE * step**index + 0.5) for index in range(_GENERATIONS)]
