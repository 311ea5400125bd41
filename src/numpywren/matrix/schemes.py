"""Stores by their URLs: one row in a table for each scheme."""

from __future__ import annotations

import re
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from numpywren.errors import UnknownSchemeError
from numpywren.matrix.store_errors import scrubbed

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpywren.matrix.store import Store

__all__ = ["open_store"]

#: Scheme → "module:function" that makes a store of what follows the colon. Loaded when a URL first needs it.
_SCHEMES: dict[str, str] = {
    "az": "numpywren.matrix.cloud:open_az",
    "file": "numpywren.matrix.local_files:open_file",
    "gs": "numpywren.matrix.cloud:open_gs",
    "memory": "numpywren.matrix.memory_files:open_memory",
    "s3": "numpywren.matrix.cloud:open_s3",
    "slow": "numpywren.testing.slow_store:open_slow",
}

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):")


def open_store(url: str | Path) -> Store:
    """Store at `url`; a plain path is a folder on this machine. Nothing is created until something is written.

    Raises
    ------
    UnknownSchemeError
        If nothing here serves the URL's scheme.

    Examples
    --------
    >>> open_store("memory:example/run").url
    'memory:example/run'
    """
    if isinstance(url, Path):
        return _opener("file")(quote(str(url.absolute())))
    if not isinstance(url, str):
        raise TypeError(f"a store is named by a URL or a path, not by {type(url).__name__}")
    match = _SCHEME.match(url)
    if match is None:
        if not url:
            raise ValueError("a store's URL is empty; write a path or a URL such as 'file:///data/matrix.zarr'")
        return _opener("file")(quote(url))
    scheme = match[1].lower()
    if scheme not in _SCHEMES:
        known = ", ".join(f"{known}:" for known in sorted(_SCHEMES))
        raise UnknownSchemeError(
            f"nothing here serves the scheme {scheme!r} of {scrubbed(url)!r}; known are {known} "
            f"(a path that has a colon in its first part is written with ./ in front)"
        )
    return _opener(scheme)(url[match.end() :])


def _opener(scheme: str) -> Callable[[str], Store]:
    module, _, name = _SCHEMES[scheme].partition(":")
    opener: Callable[[str], Store] = getattr(import_module(module), name)
    return opener
