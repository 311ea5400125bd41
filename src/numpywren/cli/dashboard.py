"""``numpywren dashboard``: a run on a live page."""

from __future__ import annotations

import threading
import webbrowser
from typing import Annotated

import typer

import numpywren as nw
from numpywren.cli.interrupt import interruptible

__all__ = ["add_commands"]


def add_commands(app: typer.Typer) -> None:
    """Register the command of this module."""
    app.command()(dashboard)


def dashboard(
    url: Annotated[str, typer.Argument(help="The run's URL, as printed when it was started.", show_default=False)],
    port: Annotated[int, typer.Option(min=0, max=65535, help="Where to listen; 0: any port that is free.")] = 0,
    host: Annotated[str, typer.Option(help="Address to listen on; what is sent is not encrypted.")] = "127.0.0.1",
    allow_cancel: Annotated[
        bool, typer.Option("--allow-cancel", help="Give the page a button that cancels the run.")
    ] = False,
    browser: Annotated[bool, typer.Option("--open", help="Open the page in a browser.")] = False,
) -> None:
    """Show a run on a live web page, until Ctrl-C, which ends the looking and leaves the run alone.

    Who knows the page's whole address may look; it is another each time.
    """
    run = nw.attach(url)
    with interruptible(), run.dashboard(host, port, allow_cancel=allow_cancel) as page:
        typer.echo(f"dashboard at {page.url}")
        if browser:
            webbrowser.open(page.url)
        threading.Event().wait()
