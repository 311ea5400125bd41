"""From words of a command line to the arguments of a function, by the function's own signature.

Parameters without a default are taken in order; the others are options of the same name: ``check_finite=True`` is
``--check-finite`` or ``--no-check-finite``, ``lower=False`` is ``--lower``, ``ord="fro"`` is ``--ord fro``.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

__all__ = ["Call", "UsageError", "parse_call", "usage"]

Parameter = inspect.Parameter


class UsageError(ValueError):
    """Words that the function's signature has no place for."""


class Call(NamedTuple):
    """What the words ask for."""

    positional: tuple[str, ...]
    """Words for the parameters without a default, in order; mostly places of arrays."""
    options: dict[str, Any]
    """Values for parameters with a default, by name."""


def usage(name: str, function: Callable[..., Any]) -> str:
    """One line that says how to call the function, as in ``cholesky X [--upper] [--ord TEXT]``."""
    parts = [name]
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind in (Parameter.VAR_KEYWORD, Parameter.VAR_POSITIONAL):
            parts += [f"{parameter.name.upper()}..."] if parameter.kind is Parameter.VAR_POSITIONAL else []
        elif parameter.default is Parameter.empty:
            parts.append(parameter.name.upper())
        elif parameter.default is True:
            parts.append(f"[--no-{_dashed(parameter.name)}]")
        elif parameter.default is False:
            parts.append(f"[--{_dashed(parameter.name)}]")
        else:
            parts.append(f"[--{_dashed(parameter.name)} VALUE]")
    return " ".join(parts)


def parse_call(name: str, function: Callable[..., Any], words: Sequence[str]) -> Call:
    """Sort words into arguments and options.

    Parameters
    ----------
    name : str
        What the user calls the function; used in messages.
    function : callable
        Its signature decides.
    words : sequence of str
        Words after the function's name. All after ``--`` are arguments.

    Returns
    -------
    Call
        Arguments as they came, options converted by the type of their default.

    Raises
    ------
    UsageError
        For too many or too few arguments, an unknown option, or a value that is not of the default's type.
    """
    parameters = inspect.signature(function).parameters.values()
    options = {p.name: p for p in parameters if p.default is not Parameter.empty}
    required = [p for p in parameters if p.default is Parameter.empty and p.kind is not Parameter.VAR_POSITIONAL]
    required = [p for p in required if p.kind is not Parameter.VAR_KEYWORD]
    any_number = any(p.kind is Parameter.VAR_POSITIONAL for p in parameters)
    positional: list[str] = []
    given: dict[str, Any] = {}
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if word == "--":
            positional += rest
            break
        if not word.startswith("--"):
            positional.append(word)
            continue
        key, equals, value = word[2:].partition("=")
        parameter = options.get(key.replace("-", "_"))
        negated = options.get(key.removeprefix("no-").replace("-", "_")) if key.startswith("no-") else None
        if parameter is None and negated is not None and isinstance(negated.default, bool) and not equals:
            given[negated.name] = False
        elif parameter is None:
            raise UsageError(f"{name} has no option --{key}; it is called as: {usage(name, function)}")
        elif isinstance(parameter.default, bool) and not equals:
            given[parameter.name] = True
        else:
            if not equals:
                if not rest:
                    raise UsageError(f"--{key} needs a value, as in --{key} {parameter.default}")
                value = rest.pop(0)
            given[parameter.name] = _convert(key, value, parameter.default)
    if len(positional) < len(required) or (len(positional) > len(required) and not any_number):
        wanted = f"{len(required)} argument{'s' * (len(required) != 1)}"
        raise UsageError(f"{name} takes {wanted}, not {len(positional)}; it is called as: {usage(name, function)}")
    return Call(tuple(positional), given)


def _dashed(name: str) -> str:
    return name.replace("_", "-")


def _convert(key: str, text: str, default: object) -> Any:
    """Value that the text means for an option with this default."""
    if isinstance(default, bool):
        if text.lower() in ("true", "false"):
            return text.lower() == "true"
        raise UsageError(f"--{key} is true or false, not {text!r}")
    if isinstance(default, str):
        return text
    if isinstance(default, int | float):
        try:
            return type(default)(text)
        except ValueError:
            kind = "a whole number" if isinstance(default, int) else "a number"
            raise UsageError(f"--{key} is {kind}, not {text!r}") from None
    if "," in text:
        return tuple(_literal(part.strip()) for part in text.split(","))
    return _literal(text)


def _literal(text: str) -> Any:
    """Read a whole number, a number, ``none``, or else the text itself."""
    if text.lower() == "none":
        return None
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
