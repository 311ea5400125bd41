"""How often and when to try a read or write again; whether that may help is the store's to say."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import TypeVar

from numpywren.events import StoreRetried, publish
from numpywren.matrix import is_transient

__all__ = ["ATTEMPTS", "pause_s", "with_retries"]

#: How often an operation on a store is tried in all.
ATTEMPTS = 5

T = TypeVar("T")


def pause_s(attempt: int, chance: float) -> float:
    """Seconds to wait after failed attempt number `attempt` (from 1); `chance` in [0, 1) spreads the callers."""
    return float(min(0.1 * 2.0 ** (attempt - 1), 5.0) * (0.5 + chance))


def with_retries(operation: Callable[[], T], stopped: Callable[[], bool]) -> T:
    """Do an operation, again where `is_transient` says so, `ATTEMPTS` times at most."""
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return operation()
        except Exception as error:
            if attempt == ATTEMPTS or stopped() or not is_transient(error):
                raise
            publish(StoreRetried("try again", str(getattr(error, "filename", None) or ""), attempt, str(error)))
            time.sleep(pause_s(attempt, random.random()))  # noqa: S311 - spreads retries, guards nothing
    raise AssertionError
