"""What the next panel waits for goes before what it does not: said by the order of a program's text alone."""

import pytest

from numpywren.algorithms.geqrf import geqrf_r
from numpywren.algorithms.getrf import getrf
from numpywren.lambdapack import Tile

QR = geqrf_r.bind({"m": 8, "n": 8, "d": 8, "fan": 8, "depth": 2})
LU = getrf.bind({"m": 8, "n": 8, "fan": 8})


def urgency(flow, *tiles):
    """The priorities of the tasks that write these tiles of matrices that a program's text names."""
    names = [matrix.name for matrix in flow.program.matrices]
    named = [(next(name for name in names if name.endswith(end)), index) for end, index in tiles]
    return [flow.priority(flow.writer(Tile(*tile))) for tile in named]


@pytest.mark.parametrize("behind", range(4, 8))
def test_both_panels_of_the_next_group_of_qr_go_before_columns_behind_it(behind):
    ready = [("panels_S", (2, i, j)) for j in (2, 3) for i in range(2, 8)]
    assert max(urgency(QR, *ready)) < min(urgency(QR, *[("panels_S", (2, i, behind)) for i in range(2, 8)]))
    inner = urgency(QR, ("panels_W", (2, 3)))[0]
    assert inner < min(urgency(QR, ("panels_W", (2, behind)), ("panels_S", (2, 7, behind))))


def test_rows_of_r_in_qr_wait_for_what_panels_wait_for():
    last = min(urgency(QR, *[("R", (0, j)) for j in range(2, 8)]))
    assert max(urgency(QR, *[("panels_W", (k, j)) for k in (0, 1) for j in range(2, 8)])) < last


@pytest.mark.parametrize("behind", range(2, 8))
def test_the_next_panel_of_lu_goes_before_columns_behind_it(behind):
    panel = urgency(LU, *[("S", (1, i, 1)) for i in range(1, 8)])
    assert max(panel) < min(urgency(LU, *[("S", (1, i, behind)) for i in range(1, 8)]))
