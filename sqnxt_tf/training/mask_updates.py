"""Updates of tfmot's pruning masks, for layers that run in inference mode while the model is trained too."""

from __future__ import annotations

from typing import Any


def mask_updates() -> Any:
    """Return tfmot's callback of pruning, which also updates the masks that tfmot would forget.

    tfmot updates the mask of a layer when the layer is called in training mode. A backbone that is called with
    `training=False`, as in transfer learning to keep batch norm's statistics, never is, and would stay dense without a
    word. Such layers are known by the step of their schedule, which stands still.
    """
    import tensorflow_model_optimization as tfmot

    class MaskUpdates(tfmot.sparsity.keras.UpdatePruningStep):
        def on_train_begin(self, logs: Any = None) -> None:
            super().on_train_begin(logs)
            self._update: Any = None

        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            """Catch up with step `batch`, counted from 1."""
            if self._update is None:
                late = [layer for layer in self.prunable_layers if int(layer.pruning_step.numpy()) < batch]
                self._update = _update_of(late)
            self._update()

    return MaskUpdates()


def _update_of(wrappers: list[Any]) -> Any:
    """Compile one step of the schedules of some pruning wrappers; the masks are applied when the layers are called."""
    import tensorflow as tf

    if not wrappers:
        return lambda: None

    @tf.function
    def update() -> None:
        for wrapper in wrappers:
            wrapper.pruning_step.assign_add(1)
        for wrapper in wrappers:
            wrapper.pruning_obj.conditional_mask_update()

    return update
