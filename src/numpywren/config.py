"""Configuration: defaults, a YAML file, ``NUMPYWREN_…`` variables and ``with nw.config.set({...})``, in rising order.

Keys (a dot in a key is a double underscore in a variable: ``NUMPYWREN_WORKER__MEMORY=2GiB``):

======================  ================================================================================
``store``               URL under which runs and unsaved arrays live; default: the user's cache folder
``control``             URL of the control plane; default: inside each run, as one SQLite file, or as objects
``backend``             ``local`` (in this process), ``processes``, ``lithops``, ``dask``, ``ray`` or ``command``
``workers.max``         how many workers to start; default: 1 for ``local``, 2 for ``processes``
``workers.min``         how many workers to keep while a run is running; default: 1
``workers.factor``      slots to have for each task that can be computed: less costs less and takes longer
``workers.successors``  a worker that leaves starts others, so that the client may go away: ``true`` or ``false``
``workers.budget``      worker-seconds that a run may cost in all; default: no limit
``workers.patience``    seconds in which a worker elsewhere must have begun before another is started instead
``worker.slots``        tasks computed at once in a worker, at most 1024; default: the cores, shared by the workers
``worker.memory``       bound on a worker's tiles, as in ``"2GiB"``; default: half the memory, shared
``worker.lease``        seconds after which a silent worker's tasks are handed to another
``worker.idle``         seconds without work after which a worker leaves
``worker.deadline``     seconds that a worker may live, at least 1; default: no limit
``array.chunks``        tile length, or ``auto``
``s3.endpoint``         URL of a store that speaks like S3; default: AWS, or as AWS_ENDPOINT_URL says
``s3.region``           region of the buckets; default: as AWS_REGION or the profile says
``gs.endpoint``         URL of a store that speaks like Google's; default: Google
``az.account``          storage account of ``az:`` URLs; default: as AZURE_STORAGE_ACCOUNT_NAME says
``az.endpoint``         URL of a store that speaks like Azure's; default: Azure
``redis.username``      who logs in to a control plane in Redis; default: nobody, or the server's default user
``redis.password``      their password; best given as NUMPYWREN_REDIS__PASSWORD, never in a URL
``redis.ca``            file of the authority that signed the server's certificate; default: those of the system
``command.template``    what starts a worker, for the backend ``command``; see :doc:`/howto/backends`
``dask.address``        the cluster's scheduler, as in ``tcp://host:8786``; default: that of the current client
``dask.resources``      what a worker takes of a Dask worker's resources, as in ``numpywren=1``; default: nothing
``lithops.config``      Lithops's configuration file; default: where Lithops looks for it
``ray.address``         the Ray cluster, as in ``ray://host:10001``; default: that of this process, or RAY_ADDRESS
``kernels.modules``     modules, besides numpywren's own, from which workers may load kernels and functions
``linalg.depth``        tiles that a panel of a factorization is wide; default: from the tiles and the slots
``plan.machines``       files that describe kinds of worker, for plans; see :doc:`/howto/planning`
``events``              write down what workers do, for reports: ``true``, ``false``, or ``auto``: all of a run that
                        was submitted; of a call that returns its result, if it takes longer than five seconds
``progress``            show a progress bar: ``true``, ``false`` or ``auto`` (on terminals and in notebooks)
======================  ================================================================================
"""

from __future__ import annotations

import ast
import difflib
import math
import os
import re
import warnings
from collections.abc import Iterator, Mapping
from typing import Any

from donfig import Config

__all__ = [
    "config",
    "count_setting",
    "flag_setting",
    "format_bytes",
    "memory_bytes",
    "memory_setting",
    "names_setting",
    "number_setting",
    "refuse_mistakes",
    "setting",
    "text_setting",
]

DEFAULTS: dict[str, Any] = {
    "store": None,
    "control": None,
    "backend": "local",
    "workers": {"max": None, "min": 1, "factor": 1.0, "budget": None, "patience": 120.0, "successors": False},
    "worker": {"slots": None, "memory": None, "lease": 10.0, "idle": 2.0, "deadline": None},
    "array": {"chunks": "auto"},
    "s3": {"endpoint": None, "region": None},
    "gs": {"endpoint": None},
    "az": {"account": None, "endpoint": None},
    "redis": {"username": None, "password": None, "ca": None},
    "command": {"template": None},
    "dask": {"address": None, "resources": None},
    "lithops": {"config": None},
    "ray": {"address": None},
    "kernels": {"modules": []},
    "linalg": {"depth": None},
    "plan": {"machines": []},
    "events": "auto",
    "progress": "auto",
}

#: Variables with our prefix that are no settings: where files are, and how long tests soak.
_OTHERS = ("config", "root_config", "soak", "azurite", "radosgw")


class _Config(Config):  # type: ignore[misc]  # donfig has no types that mypy finds
    """Configuration in which a setting that nobody reads, most often a misspelt one, does not pass in silence."""

    def set(self, arg: Mapping[str, Any] | None = None, **kwargs: Any) -> Any:
        """Set values, until the end of a `with` block if it begins one.

        A mapping in a mapping is as in a file: what it does not name stays.

        Raises
        ------
        ValueError
            If there is no setting of that name.
        """
        given = dict(_flat({**(arg or {}), **{name.replace("__", "."): value for name, value in kwargs.items()}}))
        for key in _unknown(given):
            raise ValueError(_no_setting(key))
        return super().set(given)

    def refresh(self, **kwargs: Any) -> None:
        """Read files and variables again; see `donfig.Config.refresh`."""
        super().refresh(**kwargs)
        for message in self.mistakes():
            warnings.warn(message, stacklevel=2)

    def mistakes(self) -> Iterator[str]:
        """What files and variables set that is no setting: for each a message that says where it comes from."""
        for key in _unknown(self.config):
            if key not in _OTHERS:
                variable = f"{self.env_prefix}{key.upper().replace('.', '__')}"
                given = any(name.upper() == variable for name in self.env or os.environ)
                where = f"the variable {variable}" if given else f"a file in one of {', '.join(self.paths)}"
                yield f"{_no_setting(key)} (it comes from {where})"


def _unknown(given: Mapping[str, Any]) -> Iterator[str]:
    """Keys, with dots, of what is no setting."""
    known = dict(_flat(DEFAULTS))
    return (key for key, _ in _flat(given) if key not in known)


def _flat(tree: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in tree.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _no_setting(key: str) -> str:
    known = [name for name, _ in _flat(DEFAULTS)]
    near = difflib.get_close_matches(key, known, n=1)
    remedy = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(known)}"
    return f"there is no setting {key!r}; {remedy}"


config = _Config("numpywren", defaults=[DEFAULTS])

_UNITS = {"": 1, "B": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
_UNITS |= {"KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40}
_FLAGS = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}


def setting(key: str) -> Any:
    """What is configured under a key, as it was written."""
    return config.get(key)


def text_setting(key: str) -> str | None:
    """A setting that is text, whatever it looks like: donfig takes a password such as ``1e5`` for a number."""
    value = config.get(key)
    if value is None or isinstance(value, str):
        return value
    written = os.environ.get(f"{config.env_prefix}{key.upper().replace('.', '__')}", "")
    try:
        return written if ast.literal_eval(written) == value else str(value)
    except (SyntaxError, ValueError):
        return str(value)


def refuse_mistakes() -> None:
    """Refuse to go on under settings of which one is misspelt, as a bound on memory would be none.

    Raises
    ------
    ValueError
        If files or variables set something that is no setting.
    """
    for message in config.mistakes():
        raise ValueError(message)


def flag_setting(key: str) -> bool:
    """A setting that is true or false."""
    flag = _FLAGS.get(str(config.get(key)).lower())
    if flag is None:
        known = "true, false or auto" if DEFAULTS.get(key) == "auto" else "true or false"
        raise ValueError(f"{key} must be {known}, not {config.get(key)!r}")
    return flag


def number_setting(key: str, least: float = 0.0) -> float:
    """A setting that is a finite number, not below `least`."""
    value = config.get(key)
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not least <= number < math.inf:
        raise ValueError(f"{key} must be a number of at least {least:g}, not {value!r}")
    return number


def count_setting(key: str) -> int:
    """A setting that counts something of which there must be one at least."""
    number = number_setting(key, least=1)
    if not number.is_integer():
        raise ValueError(f"{key} must be a whole number, not {config.get(key)!r}")
    return int(number)


def names_setting(key: str) -> tuple[str, ...]:
    """A setting that is a list of names; in a variable they are separated by commas."""
    value = config.get(key)
    names = value.split(",") if isinstance(value, str) else value
    if not isinstance(names, list | tuple | set) or not all(isinstance(name, str) for name in names):
        raise ValueError(f"{key} must be a list of names, not {value!r}")
    return tuple(name.strip() for name in names if name.strip())


def memory_setting(key: str) -> int:
    """A setting that is a number of bytes."""
    try:
        return memory_bytes(config.get(key))
    except ValueError as error:
        raise ValueError(f"{key}: {error}") from None


def memory_bytes(text: str | float) -> int:
    """Bytes meant by a number or by text such as ``"2GiB"`` or ``"500 MB"``.

    Raises
    ------
    ValueError
        If the text is no size, or not positive.
    """
    found = re.fullmatch(r"\s*([0-9.eE+-]+)\s*([A-Za-z]*)\s*", str(text))
    try:
        size = float(found[1]) * _UNITS[found[2]] if found else math.nan
    except (KeyError, ValueError):
        size = math.nan
    if not 1 <= size < math.inf:
        raise ValueError(f'{text!r} is no size in bytes; write it as in "2GiB", "500MB" or 1000000')
    return int(size)


def format_bytes(count: float) -> str:
    """A number of bytes as people write it: ``"2.0 GiB"``."""
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if count < 1024 or unit == "TiB":
            break
        count /= 1024
    return f"{count:.0f} B" if unit == "B" else f"{count:.1f} {unit}"
