"""Every network by name; a SqueezeNext or SqueezeNet that no table lists has a systematic name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache, partial
from typing import Any

from sqnxt_tf.errors import SqnxtError
from sqnxt_tf.networks import squeezenet, squeezenet_names, squeezenext
from sqnxt_tf.networks.alexnet import alexnet
from sqnxt_tf.networks.darknet import darknet_ref, tiny_darknet
from sqnxt_tf.networks.mobilenet import mobilenet
from sqnxt_tf.networks.ops import Ops, T
from sqnxt_tf.networks.rows import LayerRow, RowOps, TooSmallError
from sqnxt_tf.networks.squeezenext_names import check_spec, parse_name, spec_name
from sqnxt_tf.networks.vgg import vgg19

SQNXT_INPUT = 227  # pixels: the paper's
SQUEEZENET_INPUTS = {"1.0": 227, "1.1": 224}  # pixels, by version: those of the paper's MACs
LARGEST_SIDE = 4096  # pixels; a typing error beyond it would ask for gigabytes


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkDefinition:
    """A network that can be built.

    `name` is our name and `paper_name` the paper's. `input_size` is the side, in pixels, of the input of
    its published figures. `other_names` are further spellings that the paper's tables use.
    """

    name: str
    paper_name: str
    input_size: int
    builder: Callable[..., Any]
    other_names: tuple[str, ...] = ()

    def define(self, ops: Ops[T], x: T, classes: int) -> T:
        """Describe the network to the interpreter `ops`, and return its logits."""
        logits: T = self.builder(ops, x, classes)
        return logits


def _bypass_name(name: str) -> str:
    version, *bypass = name.removeprefix("squeezenet_v1_").split("_", 1)
    return f"SqueezeNet v1.{version}" + "".join(f", {kind.replace('_', ' ')}" for kind in bypass)


@cache
def networks() -> dict[str, NetworkDefinition]:
    """Return all listed networks by name, in the order of the list."""
    listed = [
        *(
            NetworkDefinition(
                name=name,
                paper_name=squeezenext.paper_name(name),
                input_size=SQNXT_INPUT,
                builder=partial(squeezenext.sqnxt, spec=spec),
            )
            for name, spec in squeezenext.SPECS.items()
        ),
        *(
            NetworkDefinition(
                name=name,
                paper_name=_bypass_name(name),
                input_size=SQUEEZENET_INPUTS[squeezenet_names.version_of(spec) or "1.1"],
                builder=partial(squeezenet.squeezenet, spec=spec),
                other_names=("SqueezeNet",) if name == "squeezenet_v1_0" else (),
            )
            for name, spec in squeezenet.SPECS.items()
        ),
        NetworkDefinition(name="alexnet", paper_name="AlexNet", input_size=227, builder=alexnet),
        NetworkDefinition(name="vgg19", paper_name="VGG-19", input_size=224, builder=vgg19),
        NetworkDefinition(name="mobilenet_w1", paper_name="MobileNet", input_size=224, builder=mobilenet),
        NetworkDefinition(name="tiny_darknet", paper_name="Tiny Darknet", input_size=224, builder=tiny_darknet),
        NetworkDefinition(name="darknet_ref", paper_name="Darknet reference", input_size=224, builder=darknet_ref),
    ]
    return {network.name: network for network in listed}


def find_network(name: str) -> NetworkDefinition:
    """Return the network called `name`, in our spelling or the paper's.

    Raises:
        SqnxtError: The name is unknown; the message offers the nearest ones.
    """
    spellings = {
        _folded(spelling): network
        for network in networks().values()
        for spelling in (network.name, network.paper_name, *network.other_names)
    }
    if found := spellings.get(_folded(name)):
        return found
    if spec := parse_name(name):
        return sqnxt_network(spec)
    if squeezed := squeezenet_names.parse_name(name):
        return squeezenet_network(squeezed)
    near = dict.fromkeys(
        spellings[match].name for match in get_close_matches(_folded(name), spellings, n=6, cutoff=0.5)
    )
    hint = f"did you mean {' or '.join(list(near)[:3])}?" if near else "`sqnxt-tf list` shows them all"
    raise SqnxtError(f"network {name!r}", "is not known", hint)


def sqnxt_network(spec: squeezenext.SqnxtSpec) -> NetworkDefinition:
    """Return the SqueezeNext of a spec: a listed network, or one with a systematic name.

    Raises:
        SqnxtError: A number is out of range.
    """
    name = spec_name(spec)
    if name in networks():
        return networks()[name]
    check_spec(spec, name)
    return NetworkDefinition(
        name=name,
        paper_name=f"{spec.width:g}-SqNxt [{','.join(map(str, spec.depth))}]",
        input_size=SQNXT_INPUT,
        builder=partial(squeezenext.sqnxt, spec=spec),
    )


def squeezenet_network(spec: squeezenet.SqueezenetSpec) -> NetworkDefinition:
    """Return the SqueezeNet of a spec: a listed network, or one with a systematic name.

    Raises:
        SqnxtError: A number is out of range.
    """
    name = squeezenet_names.spec_name(spec)
    if name in networks():
        return networks()[name]
    squeezenet_names.check_spec(spec, name)
    version = squeezenet_names.version_of(spec)
    return NetworkDefinition(
        name=name,
        paper_name=f"SqueezeNet v{version} [{name.split('_', 2)[2].replace('_', ', ')}]",
        input_size=SQUEEZENET_INPUTS[version or "1.1"],
        builder=partial(squeezenet.squeezenet, spec=spec),
    )


def is_network(name: str) -> bool:
    """Tell whether `name` is a network's name."""
    try:
        find_network(name)
    except SqnxtError:
        return False
    return True


def _folded(name: str) -> str:
    return "".join(character for character in name.lower() if character.isalnum())


def input_shape(network: NetworkDefinition, input_size: int | tuple[int, int] | None = None) -> tuple[int, int]:
    """Return height and width of the input in pixels, by default the network's own.

    Raises:
        SqnxtError: A side is out of range.
    """
    size = network.input_size if input_size is None else input_size
    height, width = (size, size) if isinstance(size, int) else size
    if not (0 < height <= LARGEST_SIDE and 0 < width <= LARGEST_SIDE):
        raise SqnxtError(
            f"input size {height}x{width}", "is out of range", f"give sides from 1 to {LARGEST_SIDE} pixels"
        )
    return height, width


def layer_rows(
    name: str, *, classes: int = 1000, input_size: int | tuple[int, int] | None = None
) -> tuple[LayerRow, ...]:
    """Return a network as plain layer rows, in execution order, without TensorFlow.

    Raises:
        SqnxtError: The name is unknown, a number is out of range, or the input is too small for the network.
    """
    network = find_network(name)
    check_classes(classes)
    height, width = input_shape(network, input_size)
    try:
        return _rows(network, classes, height, width)
    except TooSmallError as error:
        smallest = _smallest_side(network, classes)
        raise SqnxtError(
            network.name,
            f"an input of {height}x{width} is too small ({error.object}: {error.fault})",
            f"the smallest is {smallest}x{smallest}",
        ) from None


def check_classes(classes: int) -> None:
    """Refuse a number of classes that is out of range.

    Raises:
        SqnxtError: It is.
    """
    if not 2 <= classes <= 1_000_000:
        raise SqnxtError(f"classes {classes}", "is out of range", "give a number from 2 to 1000000")


def _rows(network: NetworkDefinition, classes: int, height: int, width: int) -> tuple[LayerRow, ...]:
    ops = RowOps()
    network.define(ops, ops.input(height, width, 3), classes)
    return tuple(ops.rows)


def _smallest_side(network: NetworkDefinition, classes: int) -> int:
    for side in range(1, network.input_size):
        try:
            _rows(network, classes, side, side)
        except TooSmallError:
            continue
        return side
    return network.input_size
