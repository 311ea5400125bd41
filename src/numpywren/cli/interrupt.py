"""What Ctrl-C does."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import typer

__all__ = ["interruptible"]


@contextlib.contextmanager
def interruptible() -> Iterator[None]:
    """Turn Ctrl-C into exit status 130, and print the notes that the interrupt was given on its way."""
    try:
        yield
    except KeyboardInterrupt as interrupt:
        for line in ("interrupted", *getattr(interrupt, "__notes__", ())):
            typer.echo(line, err=True)
        raise typer.Exit(130) from None
