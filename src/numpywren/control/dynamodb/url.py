"""The URL of a plane on DynamoDB: which table, and which run in it."""

from __future__ import annotations

import re
from typing import NamedTuple
from urllib.parse import parse_qsl, urlsplit

from numpywren.matrix.store_errors import scrubbed

__all__ = ["MAX_LANES", "Address", "parse"]

#: Lanes at most: each is one query more for each claim.
MAX_LANES = 64

#: Bytes of a run's identity at most: it stands in the key of every item.
MAX_RUN_BYTES = 256

_TABLE = re.compile(r"[A-Za-z0-9_.-]{3,255}")
_REGION = re.compile(r"[a-z0-9-]{1,40}")
_FORM = "write dynamodb://TABLE?run=IDENTITY, with &region=REGION if the provider's own settings name none"


class Address(NamedTuple):
    """Where a run's plane is.

    Parameters
    ----------
    table : str
        Name of the table.
    run : str
        Identity of the run.
    region : str or None
        Region of the table; None: as the environment or the profile says.
    lanes : int or None
        Parts into which the queue is split; None: as many as befit the number of tasks.
    """

    table: str
    run: str
    region: str | None
    lanes: int | None


def parse(url: str) -> Address:
    """Take a URL apart, and refuse what means nothing, before anything is asked of anybody."""
    if not url.isprintable():
        raise ValueError(f"{scrubbed(url)!r} holds characters that no URL has; {_FORM}")
    try:
        parts = urlsplit(url)
        secret = parts.username is not None or parts.password is not None or "@" in parts.netloc
    except ValueError:
        raise ValueError(f"a URL that begins with dynamodb: and is none; {_FORM}") from None
    if secret:
        raise ValueError(
            "a URL of a DynamoDB table holds a name or a password, which would be written down with every run; leave "
            "it out: credentials come from the usual places (environment, profile, or the role of the machine)"
        )
    if parts.scheme != "dynamodb" or not _TABLE.fullmatch(parts.netloc):
        raise ValueError(
            f"{scrubbed(url)!r} names no table: a table's name has 3 to 255 letters, digits, dots, dashes or "
            f"underscores; {_FORM}"
        )
    if parts.path not in ("", "/") or parts.fragment:
        raise ValueError(f"{scrubbed(url)!r} has more than a table and options; {_FORM}")
    try:
        given = parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query))
    except ValueError:
        raise ValueError(f"{scrubbed(url)!r} has options that are not of the form name=value; {_FORM}") from None
    options = dict(given)
    unknown = options.keys() - {"run", "region", "lanes"}
    if unknown or len(options) < len(given):
        what = f"the unknown option {min(unknown)!r}" if unknown else "an option twice"
        raise ValueError(f"{scrubbed(url)!r} has {what}; {_FORM}")
    run, region, lanes = options.get("run", ""), options.get("region"), options.get("lanes")
    if not run or not run.isprintable() or len(run.encode()) > MAX_RUN_BYTES:
        raise ValueError(f"{scrubbed(url)!r} names no run, or one of more than {MAX_RUN_BYTES} bytes; {_FORM}")
    if region is not None and not _REGION.fullmatch(region):
        raise ValueError(f"{scrubbed(url)!r}: {region!r} is no region; write one such as eu-central-1")
    if lanes is not None and not (lanes.isascii() and lanes.isdigit() and 1 <= int(lanes) <= MAX_LANES):
        raise ValueError(f"{scrubbed(url)!r}: lanes={lanes!r}; write a number from 1 to {MAX_LANES}")
    return Address(parts.netloc, run, region, None if lanes is None else int(lanes))
