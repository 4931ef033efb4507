"""What the shell offers on Tab: names of networks, presets, recipes, spaces and objectives, and files.

Each function fits the `shell_complete` of a click parameter. The shell runs the program for every Tab, so none of them
imports TensorFlow or NumPy.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem


def complete_network(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Offer the networks by name, with the paper's name for each."""
    from sqnxt_tf.networks.registry import networks

    return [
        completion_item(network.name, help=network.paper_name)
        for network in networks().values()
        if network.name.startswith(incomplete)
    ]


def complete_network_or_file(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Offer the networks, and files."""
    return _or_file(complete_network(ctx, param, incomplete), incomplete)


def complete_accelerator(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Offer the accelerator presets, and files."""
    return _or_file(_starting(_toml_names("sqnxt_sim.machine", "presets"), incomplete), incomplete)


def complete_recipe(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Offer the recipes of training, and files."""
    return _or_file(_starting(_toml_names("sqnxt_tf.training", "presets"), incomplete), incomplete)


def complete_space(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Offer the search spaces, and files."""
    return _or_file(_starting(_toml_names("sqnxt_tf.exploration", "spaces"), incomplete), incomplete)


def complete_data(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Offer the bundled digits, and folders."""
    return _or_file(_starting(["digits"], incomplete), incomplete, kind="dir")


def complete_file(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Offer files."""
    return [completion_item(incomplete, type="file")]


def complete_objectives(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Offer the objectives of a search that are not listed yet: `cycles,en` becomes `cycles,energy`, `+m` `+macs`."""
    *listed, last = incomplete.split(",")
    before = "".join(f"{name}," for name in listed) + ("+" if last.startswith("+") else "")
    known = {name.removeprefix("+") for name in listed}
    return [
        completion_item(f"{before}{name}", help=meaning)
        for name, meaning in _objectives().items()
        if name.startswith(last.removeprefix("+")) and name not in known
    ]


def _objectives() -> dict[str, str]:
    from sqnxt_tf.exploration.space import OBJECTIVES

    return {
        **OBJECTIVES,
        "accuracy": "top-1 of the networks that the search trains (`--train-epochs`) or judges (`--supernet`)",
    }


def _toml_names(package: str, folder: str) -> list[str]:
    """Return the stems of a package's `.toml` files; only its `__init__` is imported."""
    from importlib.resources import files  # late, as in `completion_item`

    found = (files(package) / folder).iterdir()
    return sorted(entry.name.removesuffix(".toml") for entry in found if entry.name.endswith(".toml"))


def _starting(names: Iterable[str], incomplete: str) -> list[CompletionItem]:
    return [completion_item(name) for name in names if name.startswith(incomplete)]


def _or_file(items: list[CompletionItem], incomplete: str, kind: str = "file") -> list[CompletionItem]:
    """Return the names, after an item that tells the shell to list files too or folders (`kind` "dir") as well.

    The request comes first: click's script for bash forgets the names that come before it.
    """
    return [completion_item(incomplete, type=kind), *items]


def completion_item(value: str, **kwargs: str) -> CompletionItem:
    """Return an item of click's; the parameters are its own."""
    from click.shell_completion import CompletionItem  # late: only a shell's request needs it

    return CompletionItem(value, **kwargs)
