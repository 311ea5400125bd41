"""Stacks of matrices: called with more dimensions, a function of one matrix is a loop over the leading axes.

All problems of a stack are one run, so that they are solved side by side. Leading axes are broadcast as NumPy's are.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from numpywren.job.request import Request
from numpywren.lambdapack import broadcast_letter, stack_letter, stacked
from numpywren.matrix import Partition

__all__ = ["unstacked"]


def unstacked(request: Request) -> Request:
    """The request whose program has a loop for each leading axis of the inputs; the request itself if there is none.

    Raises
    ------
    ValueError
        If leading axes cannot be broadcast to one shape.
    """
    grids = {matrix.name: matrix.grid for matrix in request.program.matrices if matrix.role != "temporary"}
    leading = {
        name: array.shape[: max(0, array.ndim - len(grids[name]))]
        for name, array in request.inputs.items()
        if name in grids
    }
    if not any(leading.values()):
        return request
    try:
        shape = np.broadcast_shapes(*leading.values())
    except ValueError:
        came = ", ".join(f"{name} of shape {array.shape}" for name, array in request.inputs.items())
        raise ValueError(
            f"{request.name} got {came}; their leading axes must be equal, or 1, or missing, to be broadcast"
        ) from None
    varying = {}
    for name in grids:
        own = leading.get(name, shape)
        varying[name] = tuple(
            length != 1 or whole == 1 for length, whole in zip(own, shape[len(shape) - len(own) :], strict=True)
        )
    cuts = {stack_letter(axis): Partition(length, 1) for axis, length in enumerate(shape)}
    cuts |= {broadcast_letter(axis): Partition(1, 1) for axis in range(len(shape))}
    program = stacked(request.program, tuple(sorted(varying.items())))
    used = {letter for matrix in program.matrices for letter in matrix.grid}
    return replace(
        request,
        program=program,
        cuts={**request.cuts, **{letter: cut for letter, cut in cuts.items() if letter in used}},
    )
