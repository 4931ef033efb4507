"""Open a trained supernet: judge its networks, and cut them out as models of their own."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from sqnxt_export import ACCURACY_IMAGES, Metadata, Preprocessing, read_metadata, save_keras
from sqnxt_tf.data.arrays import spread_arrays
from sqnxt_tf.data.data_source import DataSource
from sqnxt_tf.data.pipeline import Arrays
from sqnxt_tf.data.training_data import open_training_data
from sqnxt_tf.errors import SqnxtError
from sqnxt_tf.exploration.candidates import Accuracies
from sqnxt_tf.exploration.families import NetworkSpec, family_of
from sqnxt_tf.exploration.space import Space
from sqnxt_tf.networks.registry import find_network
from sqnxt_tf.networks.squeezenext import SPECS
from sqnxt_tf.networks.squeezenext_names import parse_name
from sqnxt_tf.own_data import own_data
from sqnxt_tf.sources import check_trained, file_identity, open_trained, require_tensorflow
from sqnxt_tf.supernet.choices import SupernetChoices
from sqnxt_tf.supernet.judgements import Judgements
from sqnxt_tf.supernet.judging import Judge, Split
from sqnxt_tf.workflows.model_output import check_model_output, keras_versions
from sqnxt_tf.workflows.supernet_run import SUPERNET_KEY

STATISTICS_IMAGES, VALIDATION_IMAGES = 256, 2000
"""The most images for the statistics of batch norm, and for the accuracy, that a network is judged by."""


class Supernet:
    """A trained supernet with its data; TensorFlow is loaded when the first network is judged or cut out.

    Attributes:
        path: The supernet's file.
        choices: The networks that it holds.
        labels: Names of the classes.
    """

    def __init__(self, path: str | Path, data: DataSource | None = None) -> None:
        """Read what the file says of itself.

        Args:
            path: A `.keras` file that `train` made of a space.
            data: The supernet's own data; None for those that its file names.

        Raises:
            SqnxtError, ExportError: It is not the file of a supernet, or its data are not there.
        """
        self.path = check_trained(path)
        self._metadata = read_metadata(self.path) or Metadata()
        settings = self._metadata.extra.get("settings")
        stored = settings.get(SUPERNET_KEY) if isinstance(settings, dict) else None
        self.choices = SupernetChoices.from_json(stored, str(self.path))
        self.labels = self._metadata.labels
        self._data = own_data(self.path, self._metadata, data)
        self._opened: Judge | None = None
        images = f"{self._data.name}-{STATISTICS_IMAGES}-{VALIDATION_IMAGES}"
        identity = f"{file_identity(self.path)}-{images}"
        self._judgements = Judgements(self.path.with_suffix(".judged.csv"), identity)

    def check_space(self, space: Space) -> None:
        """Refuse a space with a network that the supernet does not hold.

        Raises:
            SqnxtError: There is one.
        """
        own = SupernetChoices.of(space)
        for choice in (own.smallest, own.largest):
            self.choices.choice(own.spec(choice), choice[-1])
        pairs = {
            **{
                f"stage{place}": pair for place, pair in enumerate(zip(own.depths, self.choices.depths, strict=True), 1)
            },
            "width": (own.widths, self.choices.widths),
            "stem_kernel": (own.stem_kernels, self.choices.stem_kernels),
            "input_size": (own.input_sizes, self.choices.input_sizes),
        }
        for name, (wanted, held) in pairs.items():
            if not set(wanted) <= set(held):
                values = ", ".join(map(str, held))
                raise SqnxtError(f"space {space.name}", f"{name} has values that {self.path} lacks", f"keep {values}")

    def accuracies(self) -> Accuracies:
        """Return where a search finds the accuracy of a network."""
        return Accuracies(of=self.accuracy, identity=self._judgements.identity)

    def accuracy(self, spec: NetworkSpec, input_size: int) -> float:
        """Return the top-1 accuracy of a network on validation images, from the file `NAME.judged.csv` if it is there.

        Raises:
            SqnxtError: The supernet does not hold the network.
        """
        choice, name = self.choices.choice(spec, input_size), family_of(spec).spec_name(spec)
        known = self._judgements.get(name, input_size)
        if known is not None:
            return known
        found = self._judge().accuracy(choice)
        self._judgements.add(name, input_size, found)
        return found

    def cut_out(
        self, network: str | NetworkSpec, output: str | Path, *, input_size: int | None = None, force: bool = False
    ) -> Path:
        """Write a network as an ordinary `.keras` file with its slice of the weights, judged on the test part.

        Args:
            network: A network of the supernet, by name or as a spec.
            output: The `.keras` file to write.
            input_size: The side of its input in pixels; the supernet's largest if None.
            force: Overwrite the output.

        Raises:
            SqnxtError, ExportError: The supernet does not hold the network, or the file cannot be written.
        """
        spec = _spec_of(network) if isinstance(network, str) else network
        choice = self.choices.choice(spec, input_size or max(self.choices.input_sizes))
        path, name, side = check_model_output(output, force=force), family_of(spec).spec_name(spec), choice[-1]
        model = self._judge().cut_out(choice)
        preprocessing = self._preprocessing(side)
        parts = open_training_data(self._data, preprocessing)
        test = parts.judge(model, path)
        cut_from = {"name": self.path.name, "sha256": file_identity(self.path)}
        metadata = replace(
            self._metadata, network=name, preprocessing=preprocessing, input_size=(side, side),
            accuracy=test.top1, data=test.data, versions=keras_versions(),
            extra={"settings": {"network": name, "data": self._data.name, "cut_from": cut_from},
                   ACCURACY_IMAGES: test.samples},
        )  # fmt: skip
        save_keras(model, path, metadata, force=force)
        return path

    def _judge(self) -> Judge:
        if self._opened is None:
            require_tensorflow()
            source = open_trained(self.path, self._data.parts()["validation"])
            self._opened = Judge(source.model, self.choices, self._images)
        return self._opened

    def _images(self, split: Split, side: int) -> Arrays:
        most = STATISTICS_IMAGES if split == "train" else VALIDATION_IMAGES
        return spread_arrays(self._data.parts()[split], self._preprocessing(side), most)

    def _preprocessing(self, side: int) -> Preprocessing:
        own = self._metadata.preprocessing or Preprocessing.imagenet(side)
        return replace(own, height=side, width=side)


def _spec_of(network: str) -> NetworkSpec:
    """Return the spec of a SqueezeNext by its name.

    Raises:
        SqnxtError: There is no such network, or it is of another family.
    """
    name = find_network(network).name
    spec = SPECS.get(name) or parse_name(name)
    if spec is None:
        raise SqnxtError(f"network {name}", "is not a SqueezeNext", "give a network of the supernet's space")
    return spec
