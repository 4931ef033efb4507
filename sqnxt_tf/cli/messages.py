"""Messages of the libraries in the words of the command line: parameters become options.

A library writes "pass `force=True`", since it may be called from Python. Whoever typed `sqnxt-tf export` reads
"pass --force" instead.
"""

from __future__ import annotations

import re

import click

from sqnxt_tf.errors import SqnxtError

_PARAMETER = re.compile(r"`([A-Za-z_]\w*)(?:=([^`]*))?`")
_QUOTED = re.compile(r"""(["'])(.*)\1""", re.DOTALL)


def as_options(error: SqnxtError, command: click.Command | None) -> SqnxtError:
    """Rewrite an error so that it names the options of a command, and return it.

    | in the library's message | for a command with `--max-drop` or FILE |
    |---|---|
    | `` `force=True` ``       | `--force` |
    | `` `precision="int8"` `` | `--precision int8` |
    | `` `max_drop` ``         | `--max-drop` |
    | `` `file` ``             | `FILE` |
    | `` `file="a.onnx"` ``    | `a.onnx` |

    What is in backticks and is not a parameter of the command stays as it is.
    """
    if command is not None:
        error.object = translated(error.object, command)
        error.fault = translated(error.fault, command)
        error.remedy = translated(error.remedy, command)
    return error


def translated(text: str, command: click.Command) -> str:
    """Return `text` with the parameters in backticks as the options and arguments of `command`."""
    parameters = _parameters_by_name(command)

    def replace(match: re.Match[str]) -> str:
        parameter = parameters.get(match[1])
        return match[0] if parameter is None else _spelled(parameter, match[2]) or match[0]

    return _PARAMETER.sub(replace, text)


def _parameters_by_name(command: click.Command) -> dict[str, click.Parameter]:
    """Return the parameters by the names that a library may use for them; a parameter's own name comes first.

    `--format` is `format_` in the code of its verb, and `--csv` is `as_csv`: both are known by their flag too.
    """
    by_flag = {
        _longest(parameter).lstrip("-").replace("-", "_"): parameter
        for parameter in command.params
        if isinstance(parameter, click.Option)
    }
    return by_flag | {parameter.name: parameter for parameter in command.params if parameter.name}


def _spelled(parameter: click.Parameter, value: str | None) -> str | None:
    """Return what a user types for it; None where nothing can be typed, as for a flag that is false."""
    if not isinstance(parameter, click.Option):
        return parameter.human_readable_name.removesuffix("...") if value is None else _unquoted(value)
    flag = _longest(parameter)
    if value is None or (parameter.is_flag and value == "True"):
        return flag
    if value == "False" and parameter.secondary_opts:
        return max(parameter.secondary_opts, key=len)
    return None if parameter.is_flag or value == "None" else f"{flag} {_unquoted(value)}"


def _longest(parameter: click.Parameter) -> str:
    return max(parameter.opts, key=len)


def _unquoted(value: str) -> str:
    quoted = _QUOTED.fullmatch(value)
    return quoted[2] if quoted else value
