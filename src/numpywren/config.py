"""Configuration: defaults, a YAML file, ``NUMPYWREN_…`` variables and ``with nw.config.set({...})``, in rising order.

Keys (a dot in a key is a double underscore in a variable: ``NUMPYWREN_WORKER__MEMORY=2GiB``):

======================  ================================================================================
``store``               URL under which runs and unsaved arrays live; default: the user's cache folder
``control``             URL of the control plane; default: one SQLite file inside each run
``backend``             ``local`` (in this process) or ``processes``
``workers.max``         how many workers to start; default: 1 for ``local``, 2 for ``processes``
``worker.slots``        tasks computed at once in a worker; default: the cores, shared by the workers
``worker.memory``       bound on a worker's tiles, as in ``"2GiB"``; default: half the memory, shared
``worker.lease``        seconds after which a silent worker's tasks are handed to another
``worker.idle``         seconds without work after which a worker leaves
``worker.deadline``     seconds that a worker may live; default: no limit
``array.chunks``        tile length, or ``auto``
``kernels.modules``     modules, besides numpywren's own, from which workers may load kernels and functions
``progress``            show a progress bar: ``true``, ``false`` or ``auto`` (when standard error is a terminal)
======================  ================================================================================
"""

from __future__ import annotations

from typing import Any

from donfig import Config

__all__ = ["config", "format_bytes", "memory_bytes"]

DEFAULTS: dict[str, Any] = {
    "store": None,
    "control": None,
    "backend": "local",
    "workers": {"max": None},
    "worker": {"slots": None, "memory": None, "lease": 30.0, "idle": 2.0, "deadline": None},
    "array": {"chunks": "auto"},
    "kernels": {"modules": []},
    "progress": "auto",
}

config = Config("numpywren", defaults=[DEFAULTS])

_UNITS = {"": 1, "B": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
_UNITS |= {"KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40}


def memory_bytes(text: str | float) -> int:
    """Bytes meant by a number or by text such as ``"2GiB"`` or ``"500 MB"``.

    Raises
    ------
    ValueError
        If the text is no size, or not positive.
    """
    if isinstance(text, int | float):
        size = float(text)
    else:
        number = text.strip().rstrip("BKMGTikb").strip()
        unit = text.strip()[len(number) :].strip()
        try:
            size = float(number) * _UNITS[unit]
        except (KeyError, ValueError):
            raise ValueError(f'{text!r} is not a size in bytes; write it as in "2GiB", "500MB" or 1000000') from None
    if size <= 0:
        raise ValueError(f"a memory bound must be positive, not {text!r}")
    return int(size)


def format_bytes(count: float) -> str:
    """A number of bytes as people write it: ``"2.0 GiB"``."""
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if count < 1024 or unit == "TiB":
            break
        count /= 1024
    return f"{count:.0f} B" if unit == "B" else f"{count:.1f} {unit}"
