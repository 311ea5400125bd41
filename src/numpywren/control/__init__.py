"""Control planes: who may run what. Start with `numpywren.control.plane`."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import cast

from numpywren.config import setting
from numpywren.control.plane import (
    JSON,
    LONGEST,
    MAX_ATTEMPTS,
    Arrival,
    Claim,
    Completion,
    ControlPlane,
    Failure,
    Held,
    Reader,
    Status,
    TaskState,
)
from numpywren.errors import UnknownSchemeError
from numpywren.matrix.store_errors import scrubbed

__all__ = [
    "JSON",
    "LONGEST",
    "MAX_ATTEMPTS",
    "SCHEMES",
    "Arrival",
    "Claim",
    "Completion",
    "ControlPlane",
    "Failure",
    "Held",
    "Reader",
    "Status",
    "TaskState",
    "control_settings",
    "open_plane",
]

#: Scheme of a URL: who opens it, ``opener(url, clock)``; imported when first used, so that extras stay optional.
SCHEMES: dict[str, str] = {
    "dynamodb": "numpywren.control.dynamodb.plane:DynamoPlane",
    "memory": "numpywren.control.memory:open_memory",
    "objects": "numpywren.control.objects.plane:ObjectsPlane",
    "redis": "numpywren.control.redis.plane:RedisPlane",
    "rediss": "numpywren.control.redis.plane:RedisPlane",
    "sqlite": "numpywren.control.sqlite.plane:SqlitePlane",
}


def control_settings() -> dict[str, str]:
    """Settings that say how control planes are reached, none of them a secret, for workers elsewhere."""
    found = {key: setting(key) for key in ("redis.username", "redis.ca")}
    if str(setting("control")).startswith(("redis:", "rediss:")):
        found["control"] = setting("control")  # the one server that is told the password
    return {key: str(value) for key, value in found.items() if value is not None}


def open_plane(url: str, *, clock: Callable[[], float] | None = None) -> ControlPlane:
    """Open the control plane at a URL. Creates nothing: that is what `ControlPlane.restore` does.

    Parameters
    ----------
    url : str
        ``memory:NAME``, one plane for each name in this process, or ``sqlite:/folder/file.sqlite``, one file for the
        processes of one machine.
    clock : callable, optional
        Seconds by which leases run, instead of the plane's own clock; for simulations and tests.

    Raises
    ------
    UnknownSchemeError
        If nothing here serves the scheme.

    Examples
    --------
    >>> from numpywren.control import TaskState
    >>> plane = open_plane("memory:example")
    >>> plane.restore([TaskState("0:0", needs=0, priority=0)], {}, total=1)
    >>> plane.claim("worker", 1, lease_s=30.0)
    (Claim(task='0:0', attempt=1),)
    >>> plane.complete("worker", "0:0", [], []).finished
    True
    >>> plane.delete()
    """
    scheme, colon, _ = url.partition(":")
    if not colon or scheme not in SCHEMES:
        known = ", ".join(f"{name}:" for name in sorted(SCHEMES))
        raise UnknownSchemeError(f"no control plane serves {scrubbed(url)!r}; use one that begins with one of {known}")
    module, _, name = SCHEMES[scheme].partition(":")
    opener = cast("Callable[[str, Callable[[], float] | None], ControlPlane]", getattr(import_module(module), name))
    return opener(url, clock)
