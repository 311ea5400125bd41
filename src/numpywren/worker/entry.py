"""How a worker begins, from a run's URL and plain options: the one door that backends use."""

from __future__ import annotations

import functools
import json
import logging
import signal
import threading
import types
from collections.abc import Mapping
from typing import Any

from numpywren import events
from numpywren.control import ControlPlane, open_plane
from numpywren.errors import NumpywrenError
from numpywren.lambdapack import Dataflow
from numpywren.matrix import Binding, Store
from numpywren.worker.record import RunRecord
from numpywren.worker.worker import Settings, Worker

__all__ = ["begin", "main", "open_run"]

logger = logging.getLogger(__name__)


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
        Fields of `Settings`, as JSON has them.
    """
    settings = Settings(**{**options, "modules": tuple(options.get("modules", ()))})
    return Worker(*open_run(url, settings.modules), settings, events.publish)


def main(url: str, options: str) -> int:
    """Be a worker process: leave on SIGTERM and SIGINT after handing back the leases.

    Parameters
    ----------
    url : str
        The run.
    options : str
        JSON of the fields of `Settings`.

    Returns
    -------
    int
        Exit code of the process: 0, or 1 if there is no such run, it may not run here, or its control plane was lost.
    """
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(name)s %(levelname)s %(message)s")
    try:
        worker = begin(url, json.loads(options))
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, functools.partial(_leave, worker))
        worker.run()
    except (NumpywrenError, OSError) as error:
        logger.error("%s", error)
        return 1
    return 0


def _leave(worker: Worker, number: int, frame: types.FrameType | None) -> None:
    # in a thread: the handler interrupts the worker's own code, which may hold the lock that `stop` takes
    threading.Thread(target=worker.stop, daemon=True).start()
