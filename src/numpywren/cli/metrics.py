"""``numpywren metrics``: a run's figures for Prometheus."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, get_args

import typer

import numpywren as nw
from numpywren.cli.interrupt import interruptible
from numpywren.control import Status
from numpywren.control.plane import RunState
from numpywren.job.looking import OUT_OF_REACH
from numpywren.worker import RunRecord

if TYPE_CHECKING:
    from prometheus_client.core import Metric

__all__ = ["RunCollector", "add_commands"]

logger = logging.getLogger(__name__)


def add_commands(app: typer.Typer) -> None:
    """Register the command of this module."""
    app.command()(metrics)


def metrics(
    url: Annotated[str, typer.Argument(help="The run's URL, as printed when it was started.", show_default=False)],
    port: Annotated[int, typer.Option(min=0, max=65535, help="Where to listen; 0: any port that is free.")] = 9464,
    host: Annotated[str, typer.Option(help="Address to listen on; nobody is asked for a password.")] = "127.0.0.1",
) -> None:
    """Serve a run's figures for Prometheus until Ctrl-C; each scrape asks the run's control plane once."""
    try:
        from prometheus_client import CollectorRegistry, start_http_server
    except ImportError as error:
        raise ModuleNotFoundError("metrics need prometheus-client: pip install 'numpywren[metrics]'") from error
    run = nw.attach(url)
    record, _ = RunRecord.load(url)
    registry = CollectorRegistry()
    registry.register(RunCollector(run, record))
    with interruptible():
        server, thread = start_http_server(port, addr=host, registry=registry)
        shown = f"[{host}]" if ":" in host else host
        typer.echo(f"metrics at http://{shown}:{server.server_port}/metrics")
        try:
            threading.Event().wait()
        finally:
            server.shutdown()
            server.server_close()
            thread.join()


class RunCollector:
    """Asks a run for its status whenever Prometheus asks for its figures.

    Parameters
    ----------
    run : Run
        The run.
    record : RunRecord
        What is known of it from its start.
    """

    def __init__(self, run: nw.Run, record: RunRecord) -> None:
        self._run, self._record = run, record

    def describe(self) -> list[Metric]:
        """Nothing: the registry would ask the control plane for the names of the figures."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Every figure at this moment; only ``numpywren_up`` and what never changes while the run is out of reach."""
        from prometheus_client.core import GaugeMetricFamily, InfoMetricFamily

        record = self._record
        about = {"url": self._run.url, "function": record.name, "created": record.created, "version": record.version}
        yield InfoMetricFamily("numpywren_run", "The run.", value=about)
        status = self._status()
        yield GaugeMetricFamily("numpywren_up", "Whether the run's control plane answers.", value=status is not None)
        if status is not None:
            yield from _figures(status)

    def _status(self) -> Status | None:
        try:
            return self._run.status()
        except OUT_OF_REACH as error:
            logger.warning("the run could not be asked for its status: %s", error)
            return None


def _figures(status: Status) -> Iterator[Metric]:
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

    states = GaugeMetricFamily("numpywren_run_state", "1 for the state that the run is in.", labels=["state"])
    for state in get_args(RunState):
        states.add_metric([state], state == status.state)
    yield states
    tasks = GaugeMetricFamily("numpywren_tasks", "Tasks of the run by their state.", labels=["state"])
    for state in ("done", "ready", "running", "waiting"):
        tasks.add_metric([state], getattr(status, state))
    yield tasks
    yield CounterMetricFamily(
        "numpywren_tasks_repeated",
        "Tasks handed out again, after a lost lease or because they were slow; a resumed run counts anew.",
        value=status.repeated,
    )
    yield GaugeMetricFamily("numpywren_workers", "Workers that hold tasks.", value=status.workers)
    longest_s = status.longest[0].seconds if status.longest else 0.0
    yield GaugeMetricFamily(
        "numpywren_longest_lease_seconds", "For how long the task that is held longest has been held.", value=longest_s
    )
    if status.failure is not None:
        failure = GaugeMetricFamily("numpywren_failure", "Why the run stopped.", labels=["kind", "error", "task"])
        failure.add_metric([status.failure.kind, status.failure.error, status.failure.task or ""], 1)
        yield failure
