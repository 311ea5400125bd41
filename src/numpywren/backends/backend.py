"""Where workers live. A backend only starts workers and says how many are alive; it never sees a task."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

__all__ = ["ENTRY", "Backend"]

#: How a worker begins: ``module:function``, called with the run's URL and the worker's options.
ENTRY = "numpywren.worker:begin"


class Backend(ABC):
    """Starts workers for one run.

    Parameters
    ----------
    url : str
        The run.
    options : mapping
        What each worker is given, as JSON has it.
    entry : str
        ``module:function`` with which a worker begins.
    """

    def __init__(self, url: str, options: Mapping[str, Any], entry: str = ENTRY) -> None:
        self.url, self.options, self.entry = url, dict(options), entry

    @abstractmethod
    def start(self, count: int) -> None:
        """Start `count` more workers; returns before they have begun."""

    @abstractmethod
    def alive(self) -> int:
        """How many of the workers started here have not left."""

    @abstractmethod
    def wait(self, timeout_s: float) -> None:
        """Sleep for `timeout_s`, or until a worker leaves."""

    @abstractmethod
    def stop(self) -> None:
        """Tell every worker to hand back its leases and leave, and wait until they have."""

    @abstractmethod
    def trouble(self) -> str | None:
        """Why a worker left that should not have, in its own words; None if none did since this was last asked."""
