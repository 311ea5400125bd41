"""Every exception that numpywren raises itself; each is also the builtin that a caller would expect."""

from __future__ import annotations

__all__ = [
    "BudgetSpentError",
    "ControlPlaneLostError",
    "ControlPlaneUnreachableError",
    "KernelNotAllowedError",
    "MemoryBoundError",
    "NoEventsError",
    "NotAnArrayError",
    "NumpywrenError",
    "ProgramError",
    "RunCancelledError",
    "RunFailedError",
    "RunNotFoundError",
    "StoreError",
    "TaskPoisonedError",
    "TaskTooLongError",
    "TileDamagedError",
    "TileMissingError",
    "UnfinishedArrayError",
    "UnknownSchemeError",
]


class NumpywrenError(Exception):
    """Base of all exceptions defined by numpywren."""


class ProgramError(NumpywrenError, ValueError):
    """A LAmbdaPACK program that cannot mean anything; shows where, and what to write instead.

    Parameters
    ----------
    message : str
        What came and what was wanted.
    filename : str, optional
        File of the program's source.
    line, column : int, optional
        Position in that file: lines from 1, columns from 0.
    text : str, optional
        The source line.
    remedy : str, optional
        What to write instead.
    """

    def __init__(
        self, message: str, filename: str = "", line: int = 0, column: int = 0, text: str = "", remedy: str = ""
    ) -> None:
        super().__init__(message, filename, line, column, text, remedy)
        self.message, self.filename, self.line = message, filename, line
        self.column, self.text, self.remedy = column, text, remedy

    def __str__(self) -> str:
        parts = [f"{self.filename}:{self.line}:{self.column + 1}: {self.message}" if self.filename else self.message]
        if self.text:
            stripped = self.text.lstrip()
            caret = max(self.column - (len(self.text) - len(stripped)), 0)
            parts += ["    " + stripped.rstrip(), "    " + " " * caret + "^"]
        if self.remedy:
            parts.append(f"  {self.remedy}")
        return "\n".join(parts)


class KernelNotAllowedError(NumpywrenError, PermissionError):
    """A run names a kernel or function outside the modules that this process may load from."""


class UnknownSchemeError(NumpywrenError, ValueError):
    """A URL whose scheme nothing here serves."""


class StoreError(NumpywrenError, OSError):
    """A read or write that the store refused; names the URL, the operation and the remedy."""

    #: How often the store itself tried before it gave up; no one need try again where it did.
    attempts: int = 1


class TileMissingError(StoreError, FileNotFoundError):
    """A tile that should exist does not."""


class TileDamagedError(NumpywrenError, OSError):
    """A tile whose bytes do not match their checksum, or whose form is not what was recorded."""


class NotAnArrayError(NumpywrenError, ValueError):
    """A URL that holds no Zarr v3 array."""


class UnfinishedArrayError(NumpywrenError, ValueError):
    """The output of a run that has not ended, or has failed: what is not written yet would read as zero."""


class MemoryBoundError(NumpywrenError, MemoryError):
    """A task that does not fit in the memory that a worker may use; says both numbers."""


class RunNotFoundError(NumpywrenError, FileNotFoundError):
    """A URL that holds no run."""


class NoEventsError(NumpywrenError, LookupError):
    """A run about which nothing was written down, so that there is nothing to report."""


class RunFailedError(NumpywrenError, RuntimeError):
    """A run that stopped for a reason other than the mathematics."""


class TaskPoisonedError(RunFailedError):
    """A task that took its worker down with it each time it was tried."""


class TaskTooLongError(RunFailedError):
    """A task that takes longer than a worker lives; says the tile length that would fit."""


class BudgetSpentError(RunFailedError):
    """A run that cost as many worker-seconds as it may; says how far it came."""


class RunCancelledError(NumpywrenError):
    """A run that was cancelled."""


class ControlPlaneLostError(NumpywrenError, OSError):
    """A control plane that was deleted, damaged or never restored; trying again does not help, `resume` does."""


class ControlPlaneUnreachableError(ControlPlaneLostError):
    """A control plane that did not answer, or lives in another process: the run may be there, and at work."""
