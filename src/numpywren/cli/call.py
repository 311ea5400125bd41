"""From words of a command line to the arguments of a function, by the function's own signature.

Parameters that have no default and may be given by position are taken in order; the others are options of the same
name: ``check_finite=True`` is ``--check-finite`` or ``--no-check-finite``, ``lower=False`` is ``--lower``, and
``ord="fro"`` is ``--ord fro``.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

__all__ = ["Call", "UsageError", "callable_by_words", "parse_call", "usage"]

Parameter = inspect.Parameter

# Annotations are text, since every module of `numpywren` defers them.
NUMBERS = ("complex", "float", "int")


class UsageError(ValueError):
    """Words that the function's signature has no place for."""


class Call(NamedTuple):
    """What the words ask for."""

    positional: tuple[str | complex, ...]
    """For the parameters taken in order: numbers where the signature says so, else words, the places of arrays."""
    options: dict[str, Any]
    """Values for the others, by name."""


def callable_by_words(function: Callable[..., Any]) -> bool:
    """Whether words can give every argument: a parameter that wants a tuple, as of `cho_solve`, they cannot."""
    return not any(str(p.annotation).startswith("tuple") for p in _ordered(function))


def usage(name: str, function: Callable[..., Any]) -> str:
    """One line that says how to call the function, as in ``norm A [--ord VALUE]``."""
    parts = [name, *(p.name.upper() + "..." * (p.kind is Parameter.VAR_POSITIONAL) for p in _ordered(function))]
    for parameter in _named(function).values():
        dashed = "--" + parameter.name.replace("_", "-")
        if parameter.default is Parameter.empty:
            parts.append(f"{dashed} VALUE")
        elif parameter.default is True:
            parts.append(f"[--no-{dashed[2:]}]")
        else:
            parts.append(f"[{dashed}]" if parameter.default is False else f"[{dashed} VALUE]")
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
        Arguments and options, converted by the signature.

    Raises
    ------
    UsageError
        For too many or too few arguments, an unknown or missing option, or a value of the wrong type.
    """
    hint = f"it is called as: {usage(name, function)}"
    named = _named(function)
    positional: list[str] = []
    options: dict[str, Any] = {}
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
        parameter, negated = _find(named, key)
        if parameter is None or (negated and equals):
            raise UsageError(f"{name} has no option --{key}; {hint}")
        if isinstance(parameter.default, bool) and not equals:
            options[parameter.name] = not negated
            continue
        if not equals:
            if not rest:
                raise UsageError(f"--{key} needs a value; {hint}")
            value = rest.pop(0)
        options[parameter.name] = _convert(key, value, parameter.default)
    for parameter in named.values():
        if parameter.default is Parameter.empty and parameter.name not in options:
            raise UsageError(f"{name} needs --{parameter.name.replace('_', '-')}; {hint}")
    return Call(tuple(_arguments(name, function, positional)), options)


def _arguments(name: str, function: Callable[..., Any], words: Sequence[str]) -> Iterator[str | complex]:
    """Arguments that are taken in order."""
    ordered = _ordered(function)
    any_number = bool(ordered) and ordered[-1].kind is Parameter.VAR_POSITIONAL
    required = len(ordered) - any_number
    if len(words) < required or (len(words) > required and not any_number):
        wanted = f"{required} argument{'s' * (required != 1)}"
        raise UsageError(f"{name} takes {wanted}, not {len(words)}; it is called as: {usage(name, function)}")
    for index, word in enumerate(words):
        parameter = ordered[min(index, len(ordered) - 1)]
        if parameter.annotation not in NUMBERS:
            yield word
            continue
        number = _literal(word)
        if not isinstance(number, int | float | complex):
            raise UsageError(f"{parameter.name.upper()} of {name} is a number, not {word!r}")
        yield number


def _ordered(function: Callable[..., Any]) -> list[Parameter]:
    """Parameters that are taken in order."""
    kinds = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)
    every = inspect.signature(function).parameters.values()
    return [
        p for p in every if p.kind is Parameter.VAR_POSITIONAL or (p.kind in kinds and p.default is Parameter.empty)
    ]


def _named(function: Callable[..., Any]) -> dict[str, Parameter]:
    """Parameters that are options."""
    ordered = {p.name for p in _ordered(function)}
    every = inspect.signature(function).parameters
    return {n: p for n, p in every.items() if n not in ordered and p.kind is not Parameter.VAR_KEYWORD}


def _find(named: Mapping[str, Parameter], key: str) -> tuple[Parameter | None, bool]:
    """Find the option that a key names, and whether it says no."""
    parameter = named.get(key.replace("-", "_"))
    if parameter is None and key.startswith("no-"):
        negated = named.get(key.removeprefix("no-").replace("-", "_"))
        if negated is not None and isinstance(negated.default, bool):
            return negated, True
    return parameter, False


def _convert(key: str, text: str, default: object) -> Any:
    """Value that the text means for an option with this default."""
    if isinstance(default, bool):
        if text.lower() in ("true", "false"):
            return text.lower() == "true"
        raise UsageError(f"--{key} is true or false, not {text!r}")
    if isinstance(default, str):
        # a name, but for options such as the order of a norm, which is "fro" or a number
        number = _literal(text)
        return text if number is None else number
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
    for kind in (int, float, complex):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
