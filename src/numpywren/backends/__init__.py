"""Where workers live: one small file a backend, chosen by name."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

from numpywren.backends.backend import Backend as Backend

__all__ = ["BACKENDS", "Backend", "open_backend"]

#: Name → ``module:class``; imported when asked for, so that the library behind it may be an extra.
BACKENDS = {
    "local": "numpywren.backends.local:LocalBackend",
    "processes": "numpywren.backends.processes:ProcessBackend",
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
