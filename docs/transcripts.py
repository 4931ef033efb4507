"""Read the terminal sessions of the documentation and compare them with what the commands print.

A session is a fenced block of the language `console`. Each line that begins with `$ ` is a command, which lines that
begin with `> ` continue, and so does the line behind a backslash. The lines that follow are its output, standard output
and standard error together, without progress lines. Words after the language say how the block is held to the truth:

| info string         | the slow test                                                                    |
|---------------------|----------------------------------------------------------------------------------|
| `console`           | runs the commands and compares their output                                      |
| `console measured`  | the same, but every number matches every other: times, trained weights, versions |
| `console keys`      | runs the command and looks for the keys of the next table in its JSON document   |
| `console slow`      | only parses the commands with the real command line; `docs/refresh.py` runs them |
| `console no-run`    | only parses the commands                                                         |

A line of three dots stands for any number of lines. Runs of spaces and of rules count as one.
"""

import re
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click

FENCE = re.compile(r"^(?P<indent> *)(?P<ticks>`{3,})(?P<info>.*)$")
NUMBER = re.compile(r"[-+±]?\d[\d,]*(\.\d+)*(e[-+]?\d+)?")
HASH = re.compile(r"\b[0-9a-f]{64}\b")
PROGRESS = re.compile(r"^[a-z].* \d[\d,]*/\d[\d,]*(  .*)?$")
ANYTHING = "..."


@dataclass(slots=True)
class Command:
    """One command of a session, as it is typed behind the prompts `$` and `>`, and the lines that it prints."""

    typed: list[str]
    output: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        """The command without the prompts."""
        return "\n".join(re.sub(r"^[$>] ?", "", line) for line in self.typed)


@dataclass(slots=True)
class Session:
    """One block: its place in a page (line numbers from 0, fences excluded), its rules and its commands."""

    path: Path
    start: int
    end: int
    rules: frozenset[str]
    commands: list[Command]

    @property
    def is_run(self) -> bool:
        """Whether the slow test runs it."""
        return not self.rules & {"slow", "no-run"}

    def __str__(self) -> str:
        return f"{self.path.name}:{self.start + 1}"


def read_sessions(path: Path) -> list[Session]:
    """Return the sessions of a page that call `sqnxt-tf`, in order."""
    lines = path.read_text("utf-8").splitlines()
    sessions = []
    for start, end, info in fenced_blocks(lines):
        language, *rules = info.split() or [""]
        if language == "console":
            commands = _commands(lines[start:end])
            if any("sqnxt-tf" in command.text for command in commands):
                sessions.append(Session(path, start, end, frozenset(rules), commands))
    return sessions


def fenced_blocks(lines: Sequence[str]) -> Iterator[tuple[int, int, str]]:
    """Yield the first line, the line after the last, and the info string of each fenced block."""
    opened: tuple[int, str, str] | None = None
    for number, line in enumerate(lines):
        match = FENCE.match(line)
        if match and opened is None:
            opened = (number + 1, match["ticks"], match["info"].strip())
        elif match and opened and match["ticks"] == opened[1] and not match["info"].strip():
            yield opened[0], number, opened[2]
            opened = None


def _commands(lines: Sequence[str]) -> list[Command]:
    commands: list[Command] = []
    for line in lines:
        if line.startswith("$ "):
            commands.append(Command([line]))
        elif commands and not commands[-1].output and (line.startswith(">") or commands[-1].typed[-1].endswith("\\")):
            commands[-1].typed.append(line)
        elif commands:
            commands[-1].output.append(line)
    for command in commands:
        while command.output and not command.output[-1].strip():  # empty lines between two commands
            command.output.pop()
    return commands


def matches(expected: Sequence[str], actual: Sequence[str], *, measured: bool = False) -> bool:
    """Tell whether the output of a command is what the page shows."""
    return _match([_plain(line, measured) for line in expected], [_plain(line, measured) for line in actual])


def _match(expected: Sequence[str], actual: Sequence[str]) -> bool:
    if not expected:
        return not actual
    if expected[0] == ANYTHING:
        return any(_match(expected[1:], actual[skipped:]) for skipped in range(len(actual) + 1))
    return bool(actual) and expected[0] == actual[0] and _match(expected[1:], actual[1:])


def _plain(line: str, measured: bool) -> str:
    if measured:
        line = NUMBER.sub("#", HASH.sub("#", line)).replace("·", "#")
        line = re.sub("[█▉▊▋▌▍▎▏]+", " ", line)
    return re.sub(r"\s+", " ", re.sub("─+", "─", line)).strip()


def without_progress(text: str) -> list[str]:
    """Return the lines that a command printed, less those that only say how far it is, and empty ones at the end."""
    lines = [line.rstrip() for line in text.splitlines() if not PROGRESS.match(line)]
    while lines and not lines[-1]:
        lines.pop()
    return lines


def elided(expected: Sequence[str], actual: Sequence[str]) -> list[str]:
    """Return new output with the same number of lines shown before and after the first three dots."""
    if ANYTHING not in expected:
        return list(actual)
    head = list(expected).index(ANYTHING)
    tail = len(expected) - head - 1
    return [*actual[:head], ANYTHING, *actual[len(actual) - tail :]]


def invocations(command: str) -> Iterator[list[str]]:
    """Yield the arguments of each call of `sqnxt-tf` in a shell command."""
    text = re.sub(r"\s\d>", " >", command.replace("\\\n", " "))
    lexer = shlex.shlex(text, posix=True, punctuation_chars=True)
    lexer.whitespace_split = True
    arguments: list[str] | None = None
    for word in lexer:
        if Path(word).name == "sqnxt-tf":
            arguments = []
        elif arguments is not None and set(word) <= set("|&;<>()"):
            yield arguments
            arguments = None
        elif arguments is not None:
            arguments.append(word)
    if arguments is not None:
        yield arguments


def parse(arguments: Sequence[str]) -> None:
    """Have the real command line parse `arguments` without running anything.

    Raises:
        click.ClickException: A verb, an option or a value that it does not know.
    """
    from sqnxt_tf.cli.main import main

    command: click.Command = main
    rest = list(arguments)
    while True:
        try:
            context = command.make_context(command.name or "sqnxt-tf", rest)
        except click.exceptions.Exit:  # --help and --version
            return
        if not isinstance(command, click.Group):
            return
        _, found, rest = command.resolve_command(context, [*context._protected_args, *context.args])
        assert found is not None
        command = found


def table_keys(lines: Sequence[str]) -> list[str]:
    """Return the first code word of each row of the first table in `lines`."""
    keys, inside = [], False
    for line in lines:
        if line.startswith("| `"):
            inside = True
            keys += re.findall(r"`([^`]+)`", line.split("|")[1])
        elif inside and not line.startswith("|"):
            break
    return keys


def has_key(document: Any, path: str) -> bool:
    """Tell whether a JSON document has a path such as `layers[].rejected.cycles`; null hides what is below it."""
    if document is None or not path:
        return True
    if path.startswith("[]"):
        return isinstance(document, list) and any(has_key(item, path[2:].lstrip(".")) for item in document)
    name, rest = re.fullmatch(r"([^.\[]+)\.?(.*)", path).groups()  # type: ignore[union-attr]
    if name == "*":
        return isinstance(document, dict) and any(has_key(value, rest) for value in document.values())
    return isinstance(document, dict) and name in document and has_key(document[name], rest)
