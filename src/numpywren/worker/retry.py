"""When to try a read or write again: a pure policy, and the loop that follows it."""

from __future__ import annotations

import errno
import random
import time
from collections.abc import Callable
from typing import TypeVar

from numpywren.errors import TileDamagedError, TileMissingError, UnknownSchemeError

__all__ = ["ATTEMPTS", "pause_s", "worth_retrying", "with_retries"]

#: How often an operation on a store is tried in all.
ATTEMPTS = 5

_FINAL = {errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOENT, errno.ENOTDIR}

T = TypeVar("T")


def worth_retrying(error: BaseException) -> bool:
    """Whether an operation that failed like this may succeed when tried again.

    A full disk, a missing tile, a damaged tile or a refused permission will not mend itself in a second.
    """
    if isinstance(error, TileMissingError | TileDamagedError | PermissionError | FileNotFoundError):
        return False
    if not isinstance(error, OSError) or isinstance(error, UnknownSchemeError):
        return False
    cause = error.__cause__
    numbers = {error.errno, getattr(cause, "errno", None)}
    return not numbers & _FINAL


def pause_s(attempt: int, chance: float) -> float:
    """Seconds to wait after failed attempt number `attempt` (from 1); `chance` in [0, 1) spreads the callers."""
    return float(min(0.1 * 2.0 ** (attempt - 1), 5.0) * (0.5 + chance))


def with_retries(operation: Callable[[], T], stopped: Callable[[], bool]) -> T:
    """Do an operation, again where `worth_retrying` says so, `ATTEMPTS` times at most."""
    for attempt in range(1, ATTEMPTS + 1):
        try:
            return operation()
        except Exception as error:
            if attempt == ATTEMPTS or stopped() or not worth_retrying(error):
                raise
            time.sleep(pause_s(attempt, random.random()))  # noqa: S311 - spreads retries, guards nothing
    raise AssertionError
