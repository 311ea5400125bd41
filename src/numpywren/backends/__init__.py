"""Where workers live: one small file a backend, chosen by name."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

from numpywren.backends.backend import Backend as Backend

__all__ = ["BACKENDS", "Backend", "open_backend", "relaunch"]

#: Name → ``module:class``; imported when asked for, so that the library behind it may be an extra.
BACKENDS = {
    "command": "numpywren.backends.command:CommandBackend",
    "dask": "numpywren.backends.dask:DaskBackend",
    "lithops": "numpywren.backends.lithops:LithopsBackend",
    "local": "numpywren.backends.local:LocalBackend",
    "processes": "numpywren.backends.processes:ProcessBackend",
    "ray": "numpywren.backends.ray:RayBackend",
}


def open_backend(name: str, url: str, options: Mapping[str, Any]) -> Backend:
    """The backend of that name, for one run.

    Raises
    ------
    ValueError
        If there is none of that name.
    """
    try:
        module, _, cls = BACKENDS[name].partition(":")
    except (KeyError, TypeError):
        raise ValueError(f"no backend is called {name!r}; there are {', '.join(sorted(BACKENDS))}") from None
    backend: Backend = getattr(importlib.import_module(module), cls)(url, options)
    return backend


def relaunch(name: str, url: str, options: Mapping[str, Any], count: int = 1) -> int:
    """Have a worker that is about to leave start others in its place; they need neither it nor a client.

    Parameters
    ----------
    name : str
        The backend that started the worker.
    url : str
        The run.
    options : mapping
        The worker's own, badge and settings among them.
    count : int
        How many.

    Returns
    -------
    int
        How many were started. None by ``local``, whose workers live in the client; none, either, once the client that
        began it has sent its workers away.
    """
    return open_backend(name, url, options).succeed(count)
