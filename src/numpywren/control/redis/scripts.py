"""The Lua scripts of the Redis plane, from the folder ``lua``: one for each transition, commented there."""

from __future__ import annotations

import functools
import hashlib
from dataclasses import dataclass
from importlib import resources

__all__ = ["Script", "script"]

#: What stands before each script.
_BEFORE = {
    "claim": ("prelude",),
    "renew": ("prelude",),
    "release": ("prelude",),
    "complete": ("prelude", "names"),
    "stop": ("prelude",),
    "status": ("prelude",),
    "stage": ("names",),
    "swap": (),
    "hello": (),
}


@dataclass(frozen=True, slots=True)
class Script:
    """A script, and the digest by which a server that has seen it knows it."""

    name: str
    source: str
    digest: str


@functools.cache
def script(name: str) -> Script:
    """Find a script by its name."""
    folder = resources.files("numpywren.control.redis") / "lua"
    source = "\n".join((folder / f"{part}.lua").read_text(encoding="utf-8") for part in (*_BEFORE[name], name))
    return Script(name, source, hashlib.sha1(source.encode(), usedforsecurity=False).hexdigest())
