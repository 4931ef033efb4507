"""Options of the verbs that train."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from sqnxt_tf.training.partners import WAIT_SECONDS
from sqnxt_tf.training.strategies import STRATEGIES

F = TypeVar("F", bound=Callable[..., Any])

max_unreadable = click.option(
    "--max-unreadable",
    type=click.IntRange(0),
    default=100,
    show_default=True,
    metavar="N",
    help="Stop and list the images when more than N cannot be read.",
)
strategy = click.option(
    "--strategy",
    type=click.Choice(STRATEGIES),
    default="auto",
    show_default=True,
    help="The tf.distribute strategy; multi-worker reads TF_CONFIG.",
)
wait = click.option(
    "--wait",
    type=click.FloatRange(1, 86_400),
    default=WAIT_SECONDS,
    show_default=True,
    metavar="SECONDS",
    help="Longest time to wait for the other workers of a distributed run.",
)


def qat(help_text: str) -> Callable[[F], F]:
    """Return `--qat`: quantisation-aware training for a precision."""
    return click.option("--qat", type=click.Choice(["int8", "int16x8"]), help=help_text)


def recipe_overrides(of: str) -> Callable[[F], F]:
    """Return `--epochs`, `--batch` and `--rate`, which replace the recipe's own numbers of `of`."""

    def decorate(verb: F) -> F:
        for option in (
            click.option("--rate", type=float, help=f"Learning rate of {of}, in place of the recipe's."),
            click.option("--batch", type=int, help=f"Global batch of {of}, in place of the recipe's."),
            click.option("--epochs", type=int, help=f"Epochs of {of}, in place of the recipe's."),
        ):
            verb = option(verb)
        return verb

    return decorate
