"""Each verb's help ends with examples, and each of them is a command that the verb understands."""

from __future__ import annotations

import shlex
from typing import Any

import click
import pytest

from sqnxt_tf.cli.help_examples import EXAMPLES
from sqnxt_tf.cli.main import VERBS, main


def find_command(words: list[str]) -> tuple[click.Command, list[str]]:
    """The command that a line runs, and its arguments."""
    with click.Context(main, info_name="sqnxt-tf") as context:
        _, command, rest = main.resolve_command(context, words)
        if isinstance(command, click.Group):
            _, command, rest = command.resolve_command(click.Context(command, parent=context), rest)
    assert command is not None
    return command, rest


def test_every_verb_has_examples() -> None:
    assert {name.split()[0] for name in EXAMPLES} == set(VERBS)
    assert all(lines for lines in EXAMPLES.values())


@pytest.mark.parametrize(("verb", "line"), [(verb, line) for verb, lines in EXAMPLES.items() for line in lines])
def test_an_example_is_understood(verb: str, line: str) -> None:
    program, *words = shlex.split(line.partition(" > ")[0])
    assert program == "sqnxt-tf"
    assert words[: len(verb.split())] == verb.split()
    command, rest = find_command(words)
    with command.make_context(command.name, rest) as context:
        assert context.params


def test_a_help_ends_with_its_examples(cli: Any) -> None:
    lines = cli("simulate", "--help").out.splitlines()
    examples = EXAMPLES["simulate"]
    assert [line.strip() for line in lines[-len(examples) - 1 :]] == ["Examples:", *examples]
    assert cli("data", "pack", "--help").out.splitlines()[-1].strip() == EXAMPLES["data pack"][-1]
