"""What makes a training run that of a supernet: the networks of a space, trained as slices of the largest of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqnxt_tf.errors import SqnxtError
from sqnxt_tf.exploration.space import Space
from sqnxt_tf.exploration.space_file import load_space
from sqnxt_tf.networks.registry import layer_rows
from sqnxt_tf.networks.squeezenext_names import spec_name
from sqnxt_tf.options.training import TrainOptions
from sqnxt_tf.supernet.choices import SIZE, Choice, SupernetChoices
from sqnxt_tf.training.estimates import Workload
from sqnxt_tf.training.run_options import LossMaker

SUPERNET_KEY = "supernet"
"""The key of a supernet's choices in its settings and in the metadata of its file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SupernetRun:
    """The networks of a supernet and how many are drawn in each step; a run trains the largest by this loss."""

    choices: SupernetChoices
    drawn: int
    seed: int

    @classmethod
    def of(cls, network: str | None, options: TrainOptions) -> SupernetRun | None:
        """Return the supernet of `options.supernet`; None if the run is that of one network.

        Raises:
            SqnxtError: The space does not fit one supernet, or other options contradict it.
        """
        if options.supernet is None:
            return None
        contradicting = {
            "network": network, "model": options.model, "teacher": options.teacher, "input_size": options.input_size,
        }  # fmt: skip
        for name, given in contradicting.items():
            if given is not None:
                raise SqnxtError("supernet", f"has {name} {given} beside it", f"leave out `{name}`: the space tells it")
        space = options.supernet if isinstance(options.supernet, Space) else load_space(options.supernet)
        return cls(choices=SupernetChoices.of(space), drawn=options.drawn, seed=options.seed)

    @property
    def network(self) -> str:
        """The name of the largest network."""
        return spec_name(self.choices.spec(self.choices.largest))

    @property
    def input_size(self) -> int:
        """The side of the largest input in pixels."""
        return self.choices.largest[SIZE]

    def workload(self, classes: int) -> Workload:
        """Return what one image costs in a step: a network that is drawn counts as half of the two extremes."""
        largest, smallest = (self._workload(one, classes) for one in (self.choices.largest, self.choices.smallest))
        times = 1 + self.drawn / 2
        return Workload(
            parameters=largest.parameters, macs=round(times * (largest.macs + smallest.macs)),
            elements=round(times * (largest.elements + smallest.elements)),
        )  # fmt: skip

    def _workload(self, choice: Choice, classes: int) -> Workload:
        name = spec_name(self.choices.spec(choice))
        return Workload.of_rows(layer_rows(name, classes=classes, input_size=choice[SIZE]))

    def make_loss(self) -> LossMaker:
        """Return what makes the loss of the sandwich rule."""
        from sqnxt_tf.supernet.sandwich import sandwich_loss

        return sandwich_loss(self.choices, drawn=self.drawn, seed=self.seed)

    def settings(self) -> dict[str, Any]:
        """Return what a resumed run must share with the first, and what the file says of the supernet."""
        return {**self.choices.to_json(), "drawn": self.drawn}
