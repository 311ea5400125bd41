"""Where workers live. A backend only starts workers and says how many are alive; it never sees a task."""

from __future__ import annotations

import importlib
import re
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, ClassVar

__all__ = ["ENTRY", "Backend", "call", "extra", "refuse_what_cannot_travel", "without_prefixes"]

#: What `numpywren.worker.main` has before each line that it logs.
_PREFIX = re.compile(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} \S+ [A-Z]+ ")

#: How a worker begins: ``module:function``, called with the run's URL and the worker's options.
ENTRY = "numpywren.worker:begin"
#: The same for workers in threads, functions and processes of others: it returns when the worker has left.
SERVE = "numpywren.worker:serve"


class Backend(ABC):
    """Starts workers for one run.

    Parameters
    ----------
    url : str
        The run.
    options : mapping
        What each worker is given, as JSON has it. Nothing secret: it is seen on command lines and kept in the store.
    entry : str
        ``module:function`` with which a worker begins.
    """

    #: Whether `succeed` can start workers that outlive the process which calls it.
    detaches: ClassVar[bool] = False

    def __init__(self, url: str, options: Mapping[str, Any], entry: str = ENTRY) -> None:
        self.url, self.options, self.entry = url, dict(options), entry

    @abstractmethod
    def start(self, count: int) -> None:
        """Start `count` more workers; returns before they have begun."""

    @abstractmethod
    def alive(self) -> int:
        """How many of the workers started here have not left; those on their way are among them."""

    @abstractmethod
    def wait(self, timeout_s: float) -> None:
        """Sleep for `timeout_s`, or until a worker leaves."""

    @abstractmethod
    def stop(self) -> None:
        """Tell every worker to hand back its leases and leave, and wait until they have."""

    @abstractmethod
    def trouble(self) -> str | None:
        """Why a worker left that should not have, in its own words; None if none did since this was last asked."""

    def succeed(self, count: int) -> int:
        """Start `count` workers that outlive this process and this object: successors of a worker about to leave.

        Returns
        -------
        int
            How many were started: 0 where none can be, and where the run's client has sent its workers away.
        """
        return 0


def refuse_what_cannot_travel(url: str, options: Mapping[str, Any]) -> None:
    """Say what workers outside this process could not see.

    Raises
    ------
    ValueError
        If the run is in this process's memory, or needs functions of the program that was started.
    """
    if url.startswith("memory:"):
        raise ValueError(
            f"workers in other processes cannot see {url}: set `store` to a file: URL, or backend to 'local'"
        )
    if "__main__" in options.get("modules", ()):
        raise ValueError(
            "functions and kernels of the program that was started, lambdas and closures cannot be imported by "
            "other processes: move them to a module, or set backend to 'local'"
        )


def without_prefixes(text: str) -> str:
    """What workers logged, for the text of an exception: each message once, no times, names of loggers and levels."""
    kept: list[str] = []
    for line in text.splitlines():
        bare, logged = _PREFIX.subn("", line)
        if not (logged and bare in kept):
            kept.append(bare)
    return "\n".join(kept)


def call(entry: str, url: str, options: Mapping[str, Any]) -> str:
    """Be a worker where something else has called this function; returns why it left."""
    module, _, name = entry.partition(":")
    return str(getattr(importlib.import_module(module), name)(url, options))


@contextmanager
def extra(name: str) -> Iterator[None]:
    """Import what an extra brings, or say how to install it."""
    try:
        yield
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"the backend {name!r} needs the module {error.name}: pip install 'numpywren[{name}]'", name=error.name
        ) from error
