"""The weights of the best epoch so far, which a checkpoint holds beside those of the last step."""

from __future__ import annotations

from typing import Any


class BestEpoch:
    """Copies of a model's weights, which belong to no strategy, so that every worker can keep its own.

    Every worker must call `keep` and `give_back`: some weights, such as batch-norm statistics, are gathered from all.
    """

    def __init__(self, model: Any) -> None:
        import tensorflow as tf

        self._model = model
        self.variables: dict[str, Any] = {
            f"best/{place}/{weight.name}": tf.Variable(value, trainable=False)
            for place, (weight, value) in enumerate(zip(model.weights, model.get_weights(), strict=True))
        }

    def keep(self) -> None:
        """Copy the weights that the model has now."""
        for variable, value in zip(self.variables.values(), self._model.get_weights(), strict=True):
            variable.assign(value)

    def give_back(self) -> None:
        """Give the model the weights that were kept last."""
        self._model.set_weights([variable.numpy() for variable in self.variables.values()])
