"""Run any network of a supernet on slices of the largest one's weights.

The choice of a network is a tensor, so that one compiled graph runs all of them: the kernels are cut to the channels of
the width, the stem's kernel to its centre, and a block beyond the depth of its stage is passed by. A training step that
draws networks at random is one graph too, and so a resumed run equals an uninterrupted one.
"""

from __future__ import annotations

from typing import Any

from sqnxt_tf.networks.rows import LayerRow
from sqnxt_tf.supernet.choices import CHOICES, SIZE, STEM, WIDTH, SupernetChoices
from sqnxt_tf.supernet.layer_program import LayerProgram, Segment

_STEM_NAME = "stem"


class ElasticNetwork:
    """All networks of a supernet, as functions of the weights of its model, the largest network.

    Attributes:
        program: The layers of the largest network.
    """

    def __init__(self, model: Any, choices: SupernetChoices) -> None:
        self.program = LayerProgram.of(choices, int(model.output_shape[-1]))
        self._choices = choices
        self._layers = {layer.name: layer for layer in model.layers if layer.weights}

    def __call__(self, images: Any, choice: Any, statistics: Any = None) -> tuple[Any, Any]:
        """Return the logits of a network, and the batch-norm statistics that it used.

        Args:
            images: Preprocessed images, float32 [b, height, width, 3]. They are resized to the input of the choice.
            choice: The seven numbers that choose the network, int32 [7].
            statistics: Mean and variance of all batch norms, float32 [2, channels]; those of the images if None, as
                in training. What the choice leaves out is 0.
        """
        import tensorflow as tf

        x, found = self._resized(images, choice), []
        for segment in self.program.segments:
            x, own = self._segment(segment, x, choice, statistics)
            found += own
        return x, tf.concat(found, axis=1) if statistics is None else statistics

    def compiled(self) -> tuple[Any, Any]:
        """Return two compiled functions of any images and any choice: the statistics, and the logits given these."""
        import tensorflow as tf

        images, choice = tf.TensorSpec((None, None, None, 3), tf.float32), tf.TensorSpec((CHOICES,), tf.int32)
        statistics = tf.TensorSpec((2, self.program.channels), tf.float32)
        estimate = tf.function(lambda *given: self(*given)[1], input_signature=[images, choice])
        answer = tf.function(lambda *given: self(*given)[0], input_signature=[images, choice, statistics])
        return estimate, answer

    def _resized(self, images: Any, choice: Any) -> Any:
        import tensorflow as tf

        if len(self._choices.input_sizes) == 1:
            return images
        side = choice[SIZE]
        is_wanted = tf.reduce_all(tf.equal(tf.shape(images)[1:3], side))
        resized = tf.cond(
            is_wanted, lambda: images, lambda: tf.image.resize(images, tf.stack([side, side]), antialias=True)
        )
        return tf.ensure_shape(resized, (None, None, None, 3))

    def _segment(self, segment: Segment, x: Any, choice: Any, statistics: Any) -> tuple[Any, list[Any]]:
        """Return what a segment makes of its input, and the statistics of its batch norms, float32 [2, channels]."""
        import tensorflow as tf

        def run() -> tuple[Any, Any]:
            return self._rows(segment.rows, x, choice, statistics)

        channels = sum(self.program.slots[row.name].channels for row in segment.rows if row.norm_channels)
        if not segment.block or segment.block <= self._choices.depths[segment.stage - 1][0]:
            y, own = run()
        else:
            there = segment.block <= choice[segment.stage - 1]
            y, own = tf.cond(there, run, lambda: (tf.identity(x), tf.zeros((2, channels))))
        return y, [tf.ensure_shape(own, (2, channels))] if channels else []

    def _rows(self, rows: tuple[LayerRow, ...], x: Any, choice: Any, statistics: Any) -> tuple[Any, Any]:
        import tensorflow as tf

        made: dict[str, Any] = {}
        found: list[Any] = []
        for row in rows:
            inputs = [made.get(name, x) for name in row.inputs]  # what no row here has made is the segment's input
            if row.op == "Conv":
                y = self._convolved(row, inputs[0], choice)
                made[row.name], own = self._normalised(row, y, statistics)
                found.append(own)
            else:
                made[row.name] = self._other(row, inputs)
        return made[rows[-1].name], tf.concat(found, axis=1) if found else tf.zeros((2, 0))

    def _convolved(self, row: LayerRow, x: Any, choice: Any) -> Any:
        import tensorflow as tf

        kernel = tf.convert_to_tensor(self._layers[row.name].kernel)
        if row.name == _STEM_NAME:
            margin = (row.kernel[0] - choice[STEM]) // 2
            kernel = kernel[margin : row.kernel[0] - margin, margin : row.kernel[1] - margin]
        filters = tf.constant(self.program.filters[row.name])[choice[WIDTH]]
        kernel = kernel[:, :, : tf.shape(x)[-1], :filters]
        return tf.nn.conv2d(x, kernel, row.stride, "SAME" if any(row.pads) else "VALID")

    def _normalised(self, row: LayerRow, x: Any, statistics: Any) -> tuple[Any, Any]:
        """Apply batch norm and ReLU; return the statistics too, padded to the channels of the largest network."""
        import tensorflow as tf

        norm, slot, count = self._layers[f"{row.name}_bn"], self.program.slots[row.name], tf.shape(x)[-1]
        gamma, beta = (tf.convert_to_tensor(value)[:count] for value in (norm.gamma, norm.beta))
        mean, variance = ([], []) if statistics is None else tf.unstack(statistics[:, slot.begin : slot.begin + count])
        y, *found = tf.raw_ops.FusedBatchNormV3(
            x=x, scale=gamma, offset=beta, mean=mean, variance=variance, epsilon=norm.epsilon,
            is_training=statistics is None,
        )[:3]  # fmt: skip
        padded = tf.pad(tf.stack(found), [[0, 0], [0, slot.channels - count]])
        return tf.nn.relu(y), tf.ensure_shape(padded, (2, slot.channels))

    def _other(self, row: LayerRow, inputs: list[Any]) -> Any:
        import tensorflow as tf

        if row.op == "MaxPool":
            return _max_pooled(inputs[0], row.kernel[0], row.stride)
        if row.op == "Add":
            return tf.nn.relu(tf.add_n(inputs))
        if row.op == "GlobalAveragePool":
            return tf.reduce_mean(inputs[0], axis=(1, 2))
        return tf.linalg.matmul(inputs[0], tf.convert_to_tensor(self._layers[row.name].kernel))


def _max_pooled(x: Any, size: int, stride: int) -> Any:
    """Pool in ceil mode; after a ReLU, zeros beyond the edge do not matter."""
    import tensorflow as tf

    over = tf.math.floormod(size - tf.shape(x)[1:3], stride)
    padded = tf.pad(x, [[0, 0], [0, over[0]], [0, over[1]], [0, 0]])
    return tf.nn.max_pool2d(padded, size, stride, "VALID")
