"""A model of another maker that is trained: any functional classifier, with its own preprocessing."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqnxt_export import Preprocessing, read_metadata
from sqnxt_tf.errors import SqnxtError
from sqnxt_tf.options.training import TrainOptions
from sqnxt_tf.sources import ModelSource, check_trained, open_any, try_once
from sqnxt_tf.training.estimates import Workload, workload_of_model
from sqnxt_tf.training.own_heads import with_logits, with_own_end
from sqnxt_tf.training.strategies import check_cluster


@dataclass(frozen=True, slots=True)
class OwnModel:
    """A functional Keras model from a file, which a run trains in place of a listed network."""

    path: Path
    source: ModelSource

    @classmethod
    def of(cls, network: str | None, options: TrainOptions) -> OwnModel | None:
        """Open the model of `options.model`, or that of `options.start_from` if it is of another maker; else None.

        Raises:
            SqnxtError, ExportError: A file that cannot be read, options that contradict it, or several workers.
        """
        given = options.model
        if given is None and network is None and options.start_from is not None:
            path = check_trained(options.start_from)
            metadata = read_metadata(path) if path.suffix == ".keras" else None
            given = path if metadata is None or not metadata.network else None
        if given is None:
            return None
        if network is not None:
            raise SqnxtError(given, f"is the model to train, and `network` names {network}", "leave out one of the two")
        if options.input_size is not None:
            raise SqnxtError(given, "has an input of its own size", "leave `input_size` out")
        if check_cluster(options.strategy) > 1:
            raise SqnxtError(
                given, "is a model of its own, and such models are trained by one worker", "unset TF_CONFIG"
            )
        path = check_trained(given)
        source = open_any(str(path), preprocessing=options.preprocessing)
        try_once(path, source.model)
        return cls(path, source)

    @property
    def name(self) -> str:
        """The network's name where the file says it, else the file's own."""
        return self.source.metadata.network or self.path.stem

    @property
    def workload(self) -> Workload:
        """What one image costs in training."""
        return workload_of_model(self.source.model)

    def preprocessing(self) -> Preprocessing:
        """Return how images become the model's input.

        Raises:
            SqnxtError: The model does not take one image, or nothing says how it is prepared.
        """
        return self.source.known_input()

    def build(self, classes: int) -> Any:
        """Return the model to train; call it in the strategy's scope.

        Raises:
            SqnxtError: The model is not a functional classifier.
        """
        return with_logits(self.source.model, classes, str(self.path))

    def finished(self, trained: Any) -> Any:
        """Return the trained model with its own end."""
        return with_own_end(trained, self.source.model)
