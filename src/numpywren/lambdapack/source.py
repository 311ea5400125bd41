"""Where a program was written, and the one routine that says so in an error."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from numpywren.errors import ProgramError

__all__ = ["Source", "Span", "error"]


@dataclass(frozen=True, slots=True)
class Source:
    """The text of one function.

    Parameters
    ----------
    filename : str
        File that holds it.
    first_line : int
        Line of that file, from 1, that `lines` starts with.
    lines : tuple of str
        The text, with the indentation that it has in the file.
    """

    filename: str
    first_line: int
    lines: tuple[str, ...]

    @staticmethod
    def of(function: Callable[..., Any]) -> Source:
        """Source of a function, decorators included."""
        code = function.__code__
        try:
            lines, first = inspect.getsourcelines(function)
        except (OSError, TypeError) as failure:
            message = f"the source of program {function.__name__!r} cannot be read, and a program is read, not run"
            raise ProgramError(
                message, code.co_filename, code.co_firstlineno, remedy="write it in a file, or in a notebook cell"
            ) from failure
        return Source(code.co_filename, max(first, 1), tuple(line.rstrip("\n") for line in lines))

    def parse(self) -> ast.FunctionDef:
        """Syntax tree of the function; its positions count from this text's first line and column."""
        text = "\n".join(self.lines)
        if self.lines and self.lines[0][:1].isspace():
            # An `if` in front keeps the columns of an indented function, which dedenting would not.
            tree = ast.parse("if True:\n" + text)
            ast.increment_lineno(tree, -1)
            holder = tree.body[0]
            assert isinstance(holder, ast.If)
            body = holder.body
        else:
            body = ast.parse(text).body
        if not body or not isinstance(body[0], ast.FunctionDef):
            raise error(
                "a program is a function", Span(self, self.first_line, 0), "write `@program(...)` above a `def`"
            )
        return body[0]

    def span(self, node: ast.AST) -> Span:
        """Where `node` of this text's tree stands."""
        line = getattr(node, "lineno", 1)
        return Span(self, self.first_line + line - 1, getattr(node, "col_offset", 0))

    def line(self, number: int) -> str:
        """Text of line `number` of the file."""
        at = number - self.first_line
        return self.lines[at] if 0 <= at < len(self.lines) else ""


@dataclass(frozen=True, slots=True)
class Span:
    """A place in a source: a line of the file, from 1, and a column in UTF-8 bytes, from 0."""

    source: Source
    line: int
    column: int


def error(message: str, span: Span | None = None, remedy: str = "") -> ProgramError:
    """Make the exception that shows where a program goes wrong.

    Parameters
    ----------
    message : str
        What came and what was wanted.
    span : Span, optional
        Where; a program that came as data has no source.
    remedy : str
        What to write instead.

    Returns
    -------
    ProgramError
        To be raised by the caller.
    """
    if span is None:
        return ProgramError(message, remedy=remedy)
    text = span.source.line(span.line)
    column = len(text.encode()[: span.column].decode(errors="ignore"))  # syntax trees count bytes
    return ProgramError(message, span.source.filename, span.line, column, text, remedy)
