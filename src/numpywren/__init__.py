"""Dense linear algebra on matrices too large for any machine you own, on compute that comes and goes."""

from __future__ import annotations

from numpywren import linalg as linalg
from numpywren.config import config as config
from numpywren.job import Run as Run
from numpywren.job import attach as attach
from numpywren.job import run as run
from numpywren.lambdapack import kernel as kernel
from numpywren.lambdapack import program as program
from numpywren.linalg import plan as plan
from numpywren.linalg import submit as submit
from numpywren.matrix import Array as Array
from numpywren.matrix import asarray as asarray
from numpywren.matrix import eye as eye
from numpywren.matrix import from_function as from_function
from numpywren.matrix import open as open
from numpywren.matrix import zeros as zeros
from numpywren.version import __version__ as __version__

__all__ = [
    "Array",
    "Run",
    "__version__",
    "asarray",
    "attach",
    "config",
    "eye",
    "from_function",
    "kernel",
    "linalg",
    "open",
    "plan",
    "program",
    "run",
    "submit",
    "zeros",
]


def __dir__() -> list[str]:
    """What people come for, without the packages that it is spread over."""
    return sorted(__all__)
