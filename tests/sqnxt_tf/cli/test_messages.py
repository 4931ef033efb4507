"""Errors of the libraries name parameters; on the command line they name its options."""

from __future__ import annotations

import click
import pytest

from sqnxt_tf.cli.messages import as_options, translated
from sqnxt_tf.cli.output import Output
from sqnxt_tf.errors import SqnxtError


@click.command()
@click.argument("file")
@click.argument("images", nargs=-1, metavar="IMAGE...")
@click.option("--force", is_flag=True)
@click.option("--fold/--no-fold", default=True)
@click.option("--precision")
@click.option("--format", "format_")
@click.option("-o", "--output")
@click.option("--max-drop", type=float)
@click.option("--scan-images", "images_of_scan")
def command() -> None: ...


@pytest.mark.parametrize(
    ("library", "command_line"),
    [
        ("pass `force=True`", "pass --force"),
        ("leave out `force`", "leave out --force"),
        ("pass `force=False`", "pass `force=False`"),
        ("pass `fold=False`", "pass --no-fold"),
        ('use `precision="int8"`', "use --precision int8"),
        ("use `precision='int8'`", "use --precision int8"),
        ("use `precision=int8`", "use --precision int8"),
        ("use `precision=None`", "use `precision=None`"),
        ('give `format="onnx"` and `output`', "give --format onnx and --output"),
        ("give `max_drop=0.02`", "give --max-drop 0.02"),
        ("give `scan_images` or `images_of_scan`", "give --scan-images or --scan-images"),
        ("give `file`", "give FILE"),
        ('give `file="m.onnx"`', "give m.onnx"),
        ("give some `images`", "give some IMAGE"),
        ("run `pip install x`", "run `pip install x`"),
        ("an operator `Conv`, a layer `stem=x`", "an operator `Conv`, a layer `stem=x`"),
        ("force and precision without backticks", "force and precision without backticks"),
        ("", ""),
    ],
)
def test_parameters_become_options(library: str, command_line: str) -> None:
    assert translated(library, command) == command_line
    assert translated(command_line, command) == command_line  # twice is as good as once


def test_all_parts_of_an_error_are_translated() -> None:
    error = SqnxtError("`output`", "exists already, and `force` is not given", "pass `force=True`")
    assert as_options(error, command) is error
    assert str(error) == "--output: exists already, and --force is not given; pass --force"


def test_without_a_command_an_error_stays_as_it_is() -> None:
    assert as_options(SqnxtError("m", "exists", "pass `force=True`"), None).remedy == "pass `force=True`"


def test_an_output_translates_the_errors_that_it_prints(capsys: pytest.CaptureFixture[str]) -> None:
    out = Output(command=command)
    out.fault(SqnxtError("a.onnx", "has a free batch", "give `precision`"))
    assert out.exit_code == 2
    assert capsys.readouterr().err == "error: a.onnx: has a free batch; give --precision\n"


def test_an_output_translates_the_notes_that_it_prints(capsys: pytest.CaptureFixture[str]) -> None:
    Output(command=command).note("note: this is assumed; `precision` says otherwise")
    assert capsys.readouterr().err == "note: this is assumed; --precision says otherwise\n"


def test_an_output_translates_an_error_that_ends_it() -> None:
    with pytest.raises(SqnxtError, match="; pass --force"), Output(command=command):
        raise SqnxtError("m.onnx", "exists already", "pass `force=True`")


def test_the_running_command_is_known() -> None:
    with click.Context(command):
        out = Output()
    with pytest.raises(SqnxtError, match="; pass --force"), out:
        raise SqnxtError("m.onnx", "exists already", "pass `force=True`")
