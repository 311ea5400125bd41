"""``numpywren scale``: give a run workers as it needs them, apart from the client that started it."""

from __future__ import annotations

from typing import Annotated, Any

import typer

import numpywren as nw
from numpywren.cli.interrupt import interruptible
from numpywren.cli.show import status_fields, to_json
from numpywren.errors import ControlPlaneLostError, ControlPlaneUnreachableError, RunNotFoundError

__all__ = ["add_commands"]


def add_commands(app: typer.Typer) -> None:
    """Register the command of this module."""
    app.command()(scale)


def scale(
    url: Annotated[str, typer.Argument(help="The run's URL, as printed when it was started.", show_default=False)],
    backend: Annotated[str | None, typer.Option(help="Where to start workers; default: as configured.")] = None,
    most: Annotated[int | None, typer.Option("--max", help="Most workers.")] = None,
    least: Annotated[int | None, typer.Option("--min", help="Fewest workers while the run is running.")] = None,
    factor: Annotated[float | None, typer.Option(help="Slots for each task that can be computed.")] = None,
    budget: Annotated[float | None, typer.Option(help="Worker-seconds to spend at most, from now on.")] = None,
    module: Annotated[list[str] | None, typer.Option(help="A module to load kernels from; may be repeated.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the last status as one JSON object.")] = False,
) -> None:
    """Start workers for a run as there is work for them, until it ends.

    What is not given is taken from the configuration. Workers that others started for the run count as far as they can
    be seen. Ctrl-C has the workers that this command started hand back their tasks and leave; the run can be carried
    on by anybody. Killed otherwise, it leaves its workers, which leave when they find nothing to do.
    """
    given: dict[str, Any] = {
        "backend": backend,
        "workers.max": most,
        "workers.min": least,
        "workers.factor": factor,
        "workers.budget": budget,
        "kernels.modules": module,
    }
    with nw.config.set({key: value for key, value in given.items() if value is not None}), interruptible():
        run = nw.attach(url)
        status = run.status()
        if (state := status.state) != "running":
            if as_json:
                typer.echo(to_json(status_fields(run.url, status)))
            typer.echo(f"the run is {state}; there is nothing to start workers for", err=True)
            raise typer.Exit(0 if state == "done" else 1)
        try:
            run.start()
            status = run.wait()
            text = f"the run is {status.state}: {status.done} of {status.total} tasks"
            typer.echo(to_json(status_fields(run.url, status)) if as_json else text)
        except (ControlPlaneLostError, RunNotFoundError) as error:
            # a client that waits for a result forgets the control plane as soon as it has it
            run.pause()
            if isinstance(error, ControlPlaneUnreachableError):
                raise
            typer.echo("the run's control plane is gone: its client has the result, or deleted it", err=True)
        except KeyboardInterrupt as interrupt:
            run.pause()
            interrupt.add_note(f"the workers started here have left; carry on with: numpywren scale {url}")
            raise
