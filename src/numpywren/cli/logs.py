"""Where log records go while a command runs: the library itself only writes them."""

from __future__ import annotations

import contextlib
import logging
import sys
from collections.abc import Iterator

from numpywren.cli.show import printable

__all__ = ["FLAGS", "logging_to_stderr"]

#: Words that ask for more, and how much more each asks for.
FLAGS = {"-v": 1, "--verbose": 1, "-vv": 2}
#: What is said at no, one and two of them.
LEVELS = (logging.WARNING, logging.INFO, logging.DEBUG)

#: As worker processes write.
FORMAT = "%(asctime)s %(name)s %(levelname)s %(message)s"


class _Stderr(logging.Handler):
    """Writes to what standard error is at the moment: a progress bar puts itself in its place while it is shown."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            print(printable(self.format(record)), file=sys.stderr, flush=True)
        except Exception:  # noqa: BLE001 - as every handler: a record that cannot be written stops nobody
            self.handleError(record)


@contextlib.contextmanager
def logging_to_stderr(verbosity: int) -> Iterator[None]:
    """Write warnings to standard error, and with more verbosity what else numpywren says.

    Others are heard from the level of warnings only: what cloud libraries say below it may hold credentials.

    Parameters
    ----------
    verbosity : int
        0 for warnings, 1 for what is worth knowing, 2 or more for everything.
    """
    handler = _Stderr()
    handler.setFormatter(logging.Formatter(FORMAT))
    root, own = logging.getLogger(), logging.getLogger("numpywren")
    before = own.level
    root.addHandler(handler)
    own.setLevel(LEVELS[min(verbosity, len(LEVELS) - 1)])
    try:
        yield
    finally:
        own.setLevel(before)
        root.removeHandler(handler)
