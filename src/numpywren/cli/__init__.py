"""The command line: ``numpywren run | status | resume | cancel | worker | scale | plan | metrics | gc …``.

`main` is all that others need. Typer is imported when it is called, so that ``import numpywren`` stays quick.
"""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    arguments : sequence of str, optional
        Words after the program's name; by default those of this process.

    Returns
    -------
    int
        Exit status: 0 for success, 1 for an error, 2 for a command that makes no sense, 130 for Ctrl-C.
    """
    from numpywren.cli.app import run_app

    return run_app(arguments)
