"""The entry point: the group of verbs, and the boundary where errors become one line and an exit code."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any, NoReturn

import click
from click.exceptions import NoSuchCommand

from sqnxt_base.printable_text import one_line, printable
from sqnxt_tf import __version__
from sqnxt_tf.cli import interruption, supervision, terminal
from sqnxt_tf.cli.garbage import end_process
from sqnxt_tf.cli.help_examples import with_examples
from sqnxt_tf.cli.messages import as_options
from sqnxt_tf.errors import SqnxtError

# verb -> module in this package; the module's command is called `command`
VERBS = {
    "list": "list_networks",
    "summary": "summary",
    "data": "data",
    "train": "train",
    "recipes": "recipes",
    "evaluate": "evaluate",
    "prune": "prune",
    "compress": "compress",
    "decompress": "decompress",
    "export": "export",
    "verify": "verify",
    "inspect": "inspect_file",
    "benchmark": "benchmark",
    "classify": "classify",
    "webdemo": "webdemo",
    "micro": "micro",
    "simulate": "simulate",
    "compare": "compare",
    "evolve": "evolve",
    "accelerators": "accelerators",
    "search": "search",
    "report": "report",
    "reproduce": "reproduce",
    "demo": "demo",
    "doctor": "doctor",
}

_DONE, _BAD_INPUT = 0, 2
_FEW_CORES = 2


class Verbs(click.Group):
    """Group of verbs, each of which is imported when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the verbs in the order of a model's life."""
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the command of a verb; its help ends with examples."""
        if cmd_name not in VERBS:
            return None
        command: click.Command = import_module(f".{VERBS[cmd_name]}", __package__).command
        return with_examples(command, cmd_name)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return what the first argument names.

        Raises:
            click.NoSuchCommand: No such verb; the message names the nearest ones.
        """
        try:
            return super().resolve_command(ctx, args)
        except NoSuchCommand as error:  # click looks for near ones among commands that are imported already
            raise NoSuchCommand(error.command_name, possibilities=VERBS, ctx=ctx) from None

    def invoke(self, ctx: click.Context) -> Any:
        """Run the verb; errors that its `Output` has not seen name its options too."""
        try:
            return super().invoke(ctx)
        except SqnxtError as error:
            as_options(error, self.get_command(ctx, ctx.invoked_subcommand or ""))
            raise


@click.group(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120})
@click.version_option(__version__, prog_name="sqnxt-tf", message="%(prog)s %(version)s")
def main() -> None:
    """Take small CNNs from Keras to edge silicon: train, prune, quantise, export, verify, and simulate on a PE array.

    Start with `sqnxt-tf demo`, which does all of this on handwritten digits in a few minutes.
    """


def start() -> NoReturn:
    """Run the command line as a process of its own, with the arguments of that process."""
    try:
        run()
    except SystemExit as end:
        end_process(end.code if isinstance(end.code, int) else _BAD_INPUT)


def run(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and exit: 0 done, 1 the answer is no, 2 bad input, 130 or 143 interrupted."""
    interruption.listen()
    terminal.take_any_text()
    supervision.allow()
    _suit_threads_to_cores()
    try:
        result = main.main(arguments, prog_name="sqnxt-tf", standalone_mode=False)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)  # our own help
        sys.exit(_BAD_INPUT)
    except click.ClickException as error:
        _fail(_one_line(error), _BAD_INPUT)
    except (click.Abort, KeyboardInterrupt):
        _fail("interrupted", interruption.exit_code())
    except OSError as error:
        _fail(_describe_os_error(error), _BAD_INPUT)
    except SqnxtError as error:
        _fail(str(error), error.exit_code)
    except MemoryError:
        _fail("memory: there is not enough of it; raise its limit, or give smaller files", _BAD_INPUT)
    except Exception as error:
        _fail_unexpectedly(error)
    sys.exit(result if isinstance(result, int) else _DONE)


def _suit_threads_to_cores() -> None:
    """Let each operation of TensorFlow use one thread where there are one or two cores.

    Operations then run side by side instead of each being split among threads. 1.0-SqNxt-23v5 trains 1.8 times as fast
    on the digits, and 227x227 images train as fast as before (benchmarks/training_threads.py). TensorFlow reads the
    variable when it starts; a value that the user has set stays.
    """
    if (os.cpu_count() or 1) <= _FEW_CORES:
        os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")


def _fail_unexpectedly(error: Exception) -> NoReturn:
    """Report a bug of this program: in one line, or with its traceback where `--verbose` is given."""
    if {"-v", "--verbose"} & set(sys.argv) and not interruption.is_asked():
        raise error
    kind = type(error).__name__
    _fail(f"sqnxt-tf: unexpected {kind} ({one_line(error)}); run it again with --verbose and report it", _BAD_INPUT)


def _one_line(error: click.ClickException) -> str:
    message = " ".join(error.format_message().split()).replace(". Did you mean", "; did you mean").rstrip(".?")
    context = getattr(error, "ctx", None)
    return f"{message}; see `{context.command_path} --help`" if context else message


def _describe_os_error(error: OSError) -> str:
    remedies = {
        errno.ENOSPC: "free some space or choose another disk",
        errno.EDQUOT: "free some space or choose another disk",
        errno.EROFS: "choose a folder that can be written",
        errno.EACCES: "choose a place that you may read and write",
        errno.EPERM: "choose a place that you may read and write",
    }
    remedy = remedies.get(error.errno or 0, "check the path and the disk")
    return f"{error.filename or 'output'}: {error.strerror or error}; {remedy}"


def _fail(message: str, code: int) -> NoReturn:
    if interruption.is_asked():  # C code makes errors of its own of the interrupt, such as "initialization failed"
        message, code = "interrupted", interruption.exit_code()
    click.echo(f"error: {printable(message)}", err=True)
    sys.exit(code)
