"""A function of numpywren.linalg and its arguments, from the words of a command line."""

from __future__ import annotations

import difflib
import inspect
import re
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import typer

import numpywren as nw
from numpywren.cli.call import UsageError, callable_by_words, parse_call, usage

__all__ = ["HELP", "FunctionCall", "function_call"]

#: What files of NumPy's begin with.
MAGIC = b"\x93NUMPY"

HELP = ("-h", "--help")

#: The shape of a matrix that need not exist, as in 65536x65536.
SHAPE = re.compile(r"\d+(x\d+)*")


class FunctionCall(NamedTuple):
    """What the words ask for."""

    function: Any
    arguments: list[Any]
    options: dict[str, Any]


def function_call(
    context: typer.Context, function: str, chunks: int | None, *, options: str, shapes: bool = False
) -> FunctionCall | None:
    """Find the function and open its arguments; None if the words asked for help, which has then been printed.

    Parameters
    ----------
    context : typer.Context
        The command, with the words that come after the function's name.
    function : str
        That name.
    chunks : int or None
        Tile length into which arguments are cut anew.
    options : str
        The command's own options, as its usage shows them.
    shapes : bool
        Whether a word such as ``65536x65536`` stands for a matrix of that shape, which need not exist.
    """
    functions = {name: fn for name, fn in nw.linalg.FUNCTIONS.items() if callable_by_words(fn)}
    if function in HELP:
        typer.echo(f"{context.get_help()}\n\nFunctions: {', '.join(sorted(functions))}")
        return None
    if function not in functions:
        if function in nw.linalg.FUNCTIONS:
            raise UsageError(f"{function} wants a tuple, which words cannot give; call numpywren.linalg.{function}")
        near = difflib.get_close_matches(function, functions, n=1)
        remedy = f"did you mean {near[0]!r}?" if near else f"it has: {', '.join(sorted(functions))}"
        raise UsageError(f"numpywren.linalg has no {function!r}; {remedy}")
    called = functions[function]
    if not set(HELP).isdisjoint(context.args):
        command = f"numpywren {context.info_name} {usage(function, called)} {options}"
        typer.echo(f"{command}\n\n{inspect.getdoc(called)}")
        return None
    call = parse_call(function, called, context.args)
    arguments = [_array(each, chunks, shapes) if isinstance(each, str) else each for each in call.positional]
    return FunctionCall(called, arguments, call.options)


def _unreadable(path: str, error: str) -> str:
    """What is wrong with a file that NumPy does not read; its own advice is for those who call `numpy.load`."""
    with Path(path).open("rb") as file:
        head = file.read(len(MAGIC))
    if head != MAGIC:
        return f"it is no file of NumPy's, as it begins with {head!r}; write one with numpy.save"
    if "allow_pickle" in error or "Python objects" in error:
        return "it holds Python objects; save an array of numbers, as of values.astype(float)"
    return error


def _array(word: str, chunks: int | None, shapes: bool) -> nw.Array:
    """Open an argument, a Zarr array or a ``.npy`` file, and cut it anew if tiles of another length are wanted."""
    if shapes and SHAPE.fullmatch(word):
        return nw.zeros(tuple(map(int, word.split("x"))), chunks="auto" if chunks is None else chunks)
    if word.endswith(".npy"):
        try:
            values = np.load(word, mmap_mode="r", allow_pickle=False)
        except (ValueError, EOFError) as error:
            raise ValueError(f"{word} cannot be read as an array of numbers: {_unreadable(word, str(error))}") from None
        return nw.asarray(values, chunks="auto" if chunks is None else chunks)
    opened = nw.open(word)
    return opened if chunks is None else nw.asarray(opened, chunks=chunks)
