"""A program for a stack of problems: the same program in a loop over leading indices."""

from __future__ import annotations

import functools
from collections.abc import Collection
from dataclasses import replace
from typing import Final

from numpywren.lambdapack.inline import inlined
from numpywren.lambdapack.ir import For, Index, Int, Loop, Name, Parameter, Scalar
from numpywren.lambdapack.program import Program
from numpywren.lambdapack.scope import Scope, View
from numpywren.lambdapack.source import Source
from numpywren.lambdapack.verify import verify

__all__ = ["broadcast_letter", "stack_letter", "stacked"]

_NOWHERE: Final = Source("", 1, ())


def stack_letter(axis: int) -> str:
    """The letter that counts the problems along a leading axis."""
    return f"stack{axis}"


def broadcast_letter(axis: int) -> str:
    """The letter, always 1, of a leading axis along which a matrix is the same for all problems."""
    return f"same{axis}"


@functools.lru_cache(maxsize=256)
def stacked(program: Program, varying: tuple[tuple[str, tuple[bool, ...]], ...]) -> Program:
    """A program that solves a stack of problems, all of them at once if there are workers.

    Parameters
    ----------
    program : Program
    varying : tuple of (str, tuple of bool)
        For each input and output its leading axes, and whether it changes along them; where it does not, it has one
        tile there. A matrix with fewer leading axes than others lacks the first ones. Outputs change along all.

    Returns
    -------
    Program
        Its matrices have the leading axes in front of their grids.

    Examples
    --------
    >>> from numpywren.algorithms import gemm
    >>> several = stacked(gemm, (("A", (True,)), ("B", (False,)), ("C", (True,))))
    >>> [" ".join(matrix.grid) for matrix in several.matrices if matrix.role != "temporary"]
    ['stack0 m k', 'same0 k n', 'stack0 m n']
    """
    given = dict(varying)
    axes = max(map(len, given.values()))
    scope = Scope(_NOWHERE, lambda name: None)
    letters = [stack_letter(axis) for axis in range(axes)]
    same = sorted(
        {broadcast_letter(axes - len(f) + at) for f in given.values() for at, varies in enumerate(f) if not varies}
    )
    scope.taken.update(_names(program), letters, same)
    variables = tuple(scope.fresh("s") for _ in range(axes))
    views: dict[str, View] = {}
    for matrix in program.matrices:
        if matrix.role == "temporary":
            continue
        flags = given[matrix.name]
        first = axes - len(flags)
        lead = [stack_letter(at) if varies else broadcast_letter(at) for at, varies in enumerate(flags, first)]
        made = replace(matrix, grid=(*lead, *matrix.grid))
        prefix: tuple[Index, ...] = tuple(
            Name(name) if varies else Int(0) for name, varies in zip(variables[first:], flags, strict=True)
        )
        scope.views[matrix.name] = View(made)
        views[matrix.name] = View(made, prefix)
    sizes: dict[str, Index] = {name: Name(name) for name in program.sizes}
    scalars: dict[str, Scalar] = {name: Parameter(name) for name in program.scalars}
    body = inlined(scope, program, views, sizes, scalars, variables)
    for axis in reversed(range(axes)):
        body = (For(Loop(variables[axis], Int(0), Name(letters[axis]), Int(1)), body),)
    made_program = Program(
        name=program.name,
        doc=program.doc,
        parameters=program.parameters,
        matrices=tuple(view.matrix for view in scope.views.values()),
        sizes=(*letters, *same, *program.sizes),
        scalars=program.scalars,
        defaults=program.defaults,
        kernels=scope.kernels,
        body=body,
    )
    verify(made_program)
    return made_program


def _names(program: Program) -> Collection[str]:
    return {*program.parameters, *program.sizes, *program.scalars, *(matrix.name for matrix in program.matrices)}
