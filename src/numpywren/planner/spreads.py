"""How the tiles of all matrices lie in arrays, and the shapes of those whose grid gives them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from numpywren.lambdapack.lower import occurrences
from numpywren.planner.pattern import Spreads
from numpywren.planner.reach import reach, spans
from numpywren.planner.times import Spread, TileTimes
from numpywren.planner.workload import Shapes, Workload

__all__ = ["Tables", "tables"]

#: Of each matrix how its tiles lie, and the numbers of their shapes; None if these are all 0.
Tables = Mapping[str, tuple[Spreads, "NDArray[Any] | None"]]


def tables(workload: Workload, shapes: Shapes, times: Mapping[str, TileTimes]) -> Tables:
    """Lay out the tiles of all matrices; those that are written lie as in `times`."""
    inputs = _inputs(workload)
    found = {}
    for matrix in workload.dataflow.program.matrices:
        name = matrix.name
        spread, forms = _forms(name, shapes, times)
        nowhere = [(0, 0)] * len(matrix.grid)
        where = times[name].spread if name in times else Spread.of(inputs.get(name, nowhere))
        found[name] = Spreads(where, spread), forms
    return found


def _forms(matrix: str, shapes: Shapes, times: Mapping[str, TileTimes]) -> tuple[Spread | None, NDArray[Any] | None]:
    """Numbers of the shapes of all tiles of a matrix, and how these lie; None if they are all 0."""
    if not shapes.lettered(matrix):
        return times[matrix].spread, times[matrix].form
    grid = shapes.grid(matrix)
    axes = np.ogrid[tuple(slice(part.tiles) for _, part in grid)]
    columns: dict[int, Any] = {place: axis for (place, _), axis in zip(grid, axes, strict=True)}
    indices = max(columns) + 1
    table = shapes.edges(matrix, [columns.get(place, 0) for place in range(indices)])
    if not np.any(table):
        return None, None
    widths = [part.tiles for _, part in grid]
    flat = np.ascontiguousarray(np.broadcast_to(table, widths), dtype=np.int32).reshape(-1)
    dense = Spread.of([(0, width - 1) for width in widths]).strides
    strides = dict(zip(columns, dense, strict=True))
    return Spread((0,) * shapes.indices(matrix), tuple(strides.get(i, 0) for i in range(shapes.indices(matrix)))), flat


def _inputs(workload: Workload) -> dict[str, list[tuple[int, int]]]:
    """Bounds of the indices at which inputs are read."""
    flow = workload.dataflow
    sizes = {name: (size, size) for name, size in flow.sizes.items()}
    found: dict[str, list[tuple[int, int]]] = {}
    for kind in flow.program.kinds:
        for access, clauses in occurrences(kind.value):
            known = spans((*kind.path, *clauses), sizes)
            if known is not None:
                bounds = [reach(index, known) for index in access.index]
                before = found.get(access.matrix, bounds)
                found[access.matrix] = [(min(a[0], b[0]), max(a[1], b[1])) for a, b in zip(before, bounds, strict=True)]
    return found
