"""What the shell offers on Tab."""

from __future__ import annotations

from typing import Any

import click
import pytest

from helpers.commands import run_python
from sqnxt_tf.cli import completion
from sqnxt_tf.cli.main import VERBS

CONTEXT = click.Context(click.Command("any"))
PARAMETER = click.Option(["--any"])


def offered(function: Any, incomplete: str = "") -> list[str]:
    return [item.value for item in function(CONTEXT, PARAMETER, incomplete) if item.type == "plain"]


def test_names_are_those_that_the_verbs_know() -> None:
    from sqnxt_sim import list_accelerators
    from sqnxt_tf.exploration.space_file import list_spaces
    from sqnxt_tf.networks.registry import networks
    from sqnxt_tf.training.recipe_files import NAMES

    assert offered(completion.complete_network) == list(networks())
    assert offered(completion.complete_accelerator) == list(list_accelerators())
    assert offered(completion.complete_space) == list(list_spaces())
    assert offered(completion.complete_recipe) == sorted(NAMES)


@pytest.mark.parametrize(
    ("function", "incomplete", "values"),
    [
        (completion.complete_network, "sqnxt23v5", ["sqnxt23v5_w1", "sqnxt23v5_w3d2", "sqnxt23v5_w2"]),
        (completion.complete_network, "resnet", []),
        (completion.complete_accelerator, "squeezelerator-8", ["squeezelerator-8x8"]),
        (completion.complete_recipe, "fine", ["finetune"]),
        (completion.complete_space, "w", ["wide"]),
        (completion.complete_data, "d", ["digits"]),
        (completion.complete_objectives, "e", ["energy"]),
        (completion.complete_objectives, "cycles,p", ["cycles,params"]),
        (completion.complete_objectives, "cycles,c", []),
        (completion.complete_objectives, "acc", ["accuracy"]),
        (completion.complete_objectives, "cycles,+ma", ["cycles,+macs"]),
        (completion.complete_objectives, "+macs,m", []),
    ],
)
def test_an_unfinished_word_narrows_them(function: Any, incomplete: str, values: list[str]) -> None:
    assert offered(function, incomplete) == values


@pytest.mark.parametrize(
    ("function", "kind"),
    [
        (completion.complete_network_or_file, "file"),
        (completion.complete_accelerator, "file"),
        (completion.complete_recipe, "file"),
        (completion.complete_space, "file"),
        (completion.complete_file, "file"),
        (completion.complete_data, "dir"),
    ],
)
def test_files_are_asked_for_first(function: Any, kind: str) -> None:
    first = function(CONTEXT, PARAMETER, "my")[0]
    assert (first.type, first.value) == (kind, "my")


def test_names_cost_no_heavy_import() -> None:
    script = """
import sys
from sqnxt_tf.cli import completion
for name in ("network", "accelerator", "recipe", "space", "data", "file"):
    getattr(completion, f"complete_{name}")(None, None, "")
print({"numpy", "onnx", "tensorflow"} & set(sys.modules))
"""
    done = run_python(script, check=True)
    assert done.stdout == "set()\n"


@pytest.mark.parametrize(("shell", "word"), [("bash", "1"), ("zsh", "1"), ("fish", "si")])
def test_the_program_completes_its_verbs(cli: Any, shell: str, word: str) -> None:
    source = cli(env={"_SQNXT_TF_COMPLETE": f"{shell}_source"})
    assert source.code == 0
    assert "_SQNXT_TF_COMPLETE=" in source.out
    asked = {"COMP_WORDS": "sqnxt-tf si", "COMP_CWORD": word}
    answer = cli(env={"_SQNXT_TF_COMPLETE": f"{shell}_complete", **asked})
    assert answer.code == 0
    assert "simulate" in answer.out
    assert not any(verb in answer.out for verb in VERBS if not verb.startswith("si"))
