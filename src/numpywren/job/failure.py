"""From the record of a failure back to the exception that the caller expects."""

from __future__ import annotations

import builtins

import numpy as np

from numpywren import errors
from numpywren.control import Failure
from numpywren.control.plane import resumable
from numpywren.kernels.failures import LeadingMinorError

__all__ = ["exception_of"]

#: Builtins that a kernel may raise and a caller may want to catch by name.
_BUILTINS = ("ValueError", "TypeError", "ArithmeticError", "ZeroDivisionError", "OverflowError")


def exception_of(failure: Failure, url: str) -> BaseException:
    """The exception to raise for a run that failed.

    Parameters
    ----------
    failure : Failure
    url : str
        The run, named where it can be resumed.

    Returns
    -------
    BaseException
        `numpy.linalg.LinAlgError` where the mathematics failed, with the order of the leading minor as ``minor`` where
        that is what failed; the exception that the worker saw, or a `RunFailedError`, elsewhere.
    """
    name = failure.error
    # it came by way of the control plane, and goes to a terminal
    message = "".join(letter for letter in failure.message if letter.isprintable() or letter == "\n")
    if name == LeadingMinorError.__name__:
        try:
            return LeadingMinorError(int(str(failure.details.get("minor", 0))))
        except ValueError:
            return np.linalg.LinAlgError(message)
    if name in ("LinAlgError", "SingularTileError"):
        return np.linalg.LinAlgError(message)
    if name in _BUILTINS:
        cls: type[BaseException] = getattr(builtins, name)
        return cls(message.removeprefix(f"{name}: "))
    again = resumable(message, url)
    if name in errors.__all__ and name != "ProgramError":
        known: type[BaseException] = getattr(errors, name)
        return known(again)
    return errors.RunFailedError(again)
