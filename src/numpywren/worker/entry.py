"""How a worker begins, from a run's URL and plain options: the one door that backends use."""

from __future__ import annotations

import base64
import dataclasses
import functools
import importlib
import json
import logging
import os
import signal
import threading
import time
import types
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from typing import Any

from numpywren.config import config
from numpywren.control import ControlPlane, open_plane
from numpywren.control.roll import Badge
from numpywren.errors import NumpywrenError, RunFailedError
from numpywren.lambdapack import Dataflow
from numpywren.matrix import Binding, Store, open_store
from numpywren.version import __version__
from numpywren.worker.journal import Journal
from numpywren.worker.leases import LEASE_S
from numpywren.worker.record import RunRecord
from numpywren.worker.settings import Settings
from numpywren.worker.worker import Worker

__all__ = ["begin", "main", "open_run", "serve", "work"]

logger = logging.getLogger(__name__)

#: What options hold besides the fields of `Settings`: settings to make before anything is opened, the worker's place on
#: the roll, how it may start successors, and which events it writes down.
ENVELOPE = ("settings", "badge", "backend", "relaunch", "events")
#: What starts the successors of a worker whose options have ``relaunch``: ``module:function``, as it knows the policy,
#: which parts below it do not import.
SUCCESSION = "numpywren.job.succession:succeed"
#: Seconds that kernels and writes under way get when a process is told to leave.
KERNELS_S = 2.0
#: What may go wrong at the start for reasons that its user can mend, and is told in one line.
EXPECTED = (NumpywrenError, OSError, ImportError, ValueError)


def open_run(url: str, modules: tuple[str, ...]) -> tuple[RunRecord, dict[str, Binding], Store, Dataflow, ControlPlane]:
    """Everything that a run's URL leads to.

    Raises
    ------
    RunNotFoundError
        If there is no run at the URL.
    KernelNotAllowedError
        If the run's program uses kernels outside `modules`.
    """
    record, store = RunRecord.load(url)
    program = record.decoded(modules)
    plane = open_plane(record.control_url(store))
    return record, record.bound(modules), store, program.bind(record.sizes), plane


def begin(url: str, options: Mapping[str, Any]) -> Worker:
    """A worker for the run at a URL, ready for its `run` to be called.

    Parameters
    ----------
    url : str
        The run.
    options : mapping
        Fields of `Settings`, as JSON has them. Others that backends put among them are passed over.

    Raises
    ------
    RunFailedError
        If the options are of another version of numpywren.
    """
    own = {name: value for name, value in options.items() if name not in ENVELOPE}
    unknown = sorted(set(own) - {field.name for field in dataclasses.fields(Settings)})
    if unknown:
        raise RunFailedError(
            f"numpywren {__version__}, of this worker, knows no option {', '.join(unknown)}: install the version that "
            "started the run where its workers live"
        )
    # who starts successors may have no client that would start others
    settings = Settings(**{"spare": bool(options.get("relaunch")), **own, "modules": tuple(own.get("modules", ()))})
    record, bindings, store, dataflow, plane = open_run(url, settings.modules)
    journal = Journal(store, options.get("events", "all"))
    return Worker(record, bindings, store, dataflow, plane, settings, journal)


def serve(url: str, options: Mapping[str, Any]) -> str:
    """Be a worker in the calling thread; nothing is done about signals.

    Parameters
    ----------
    url : str
        The run.
    options : mapping
        As for `begin`; with ``settings``, which are made in this process before anything is opened; with a ``badge``,
        the worker is on the roll in the run's store.

    Returns
    -------
    str
        Why it left, as `Worker.run`.

    Raises
    ------
    Exception
        If there is no such run, it may not run here, or its control plane or store was lost. With a badge the roll
        then says so too.
    """
    return _serve(url, options, lambda stop: None)


def _serve(url: str, options: Mapping[str, Any], on_stop: Callable[[Callable[[], None]], None]) -> str:
    """Be a worker; `on_stop` is handed what makes it leave."""
    began = time.monotonic()
    config.set(dict(options.get("settings") or {}))
    badge = Badge(open_store(url), str(options["badge"])) if options.get("badge") else None
    with nullcontext() if badge is None else badge.signed_in():
        if badge is not None and not badge.wanted():
            return "told"
        worker = begin(url, options)
        on_stop(worker.stop)
        if badge is not None:
            badge.keep(float(options.get("lease_s", LEASE_S)), worker.stop)
        reason = worker.run()
        if options.get("relaunch"):
            _succeed(url, options, reason, time.monotonic() - began)
        return reason


def _succeed(url: str, options: Mapping[str, Any], reason: str, lived_s: float) -> None:
    """Start successors, where the policy asks for some; a worker that cannot has done its own work all the same."""
    module, _, name = SUCCESSION.partition(":")
    try:
        getattr(importlib.import_module(module), name)(url, options, reason, lived_s)
    except Exception as error:  # noqa: BLE001 - nobody is there to mend it
        logger.warning("could not start successors: %s", error)


def work(url: str, options: Mapping[str, Any]) -> str:
    """Be a worker that leaves on SIGTERM and SIGINT after handing back its leases; otherwise as `serve`."""
    return _serve(url, options, _leave_on_signals)


def main(url: str, options: str) -> int:
    """Be a worker process: leave on SIGTERM and SIGINT after handing back the leases.

    Parameters
    ----------
    url : str
        The run.
    options : str
        JSON of what `serve` takes, as it is or in the URL-safe alphabet of base 64, which no shell reads otherwise.

    Returns
    -------
    int
        Exit code of the process: 0, or 1 if there is no such run, it may not run here, or its control plane was lost.
    """
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(name)s %(levelname)s %(message)s")
    try:
        text = options if options.startswith("{") else base64.urlsafe_b64decode(options)
        work(url, json.loads(text))
    except EXPECTED as error:
        logger.error("%s", error)
        return 1
    return 0


def _leave_on_signals(stop: Callable[[], None]) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, functools.partial(_leave, stop))


def _leave(stop: Callable[[], None], number: int, frame: types.FrameType | None) -> None:
    # in a thread: the handler interrupts the worker's own code, which may hold the lock that `stop` takes
    threading.Thread(target=_leave_soon, args=(stop,), daemon=True).start()


def _leave_soon(stop: Callable[[], None]) -> None:
    stop()
    # leases are handed back by now; a long kernel cannot be interrupted, and nobody wants what it will have computed
    time.sleep(KERNELS_S)
    os._exit(0)
