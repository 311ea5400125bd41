"""How the work that is left of a run compares with what was done of late."""

import numpy as np
import pytest

from numpywren.report.remainder import times_heavier
from numpywren.report.report import Tasks


def tasks(*spans, kernels=("k",)):
    """Computations of tasks by (number, start, end), in the order of their ends."""
    number, start, end = (np.array(column) for column in zip(*spans, strict=True))
    zeros = np.zeros(len(spans), dtype=np.int64)
    return Tasks(
        task=np.array([f"0:{each}" for each in number], dtype=object),
        number=number.astype(np.int64),
        kernel=zeros,
        by=zeros,
        slot=zeros,
        start_s=start.astype(float),
        end_s=end.astype(float),
        stalled=np.zeros(len(spans)),
        flops=np.zeros(len(spans)),
        kernels=kernels,
    )


def test_work_counts_not_tasks():
    # three tasks of one second are done, one of nine is left
    assert times_heavier(tasks((0, 0, 1), (1, 1, 2), (2, 2, 3)), np.array([1.0, 1.0, 1.0, 9.0]), 3.0) == 9.0


def test_the_last_minute_counts():
    work = np.array([8.0, 1.0, 3.0, 2.0, 6.0])
    assert times_heavier(tasks((0, 0, 100), (1, 190, 195), (2, 195, 200)), work, 200.0) == pytest.approx(4.0 / 2.0)


def test_a_task_that_was_computed_twice_counts_once():
    work = np.array([3.0, 1.0, 2.0])
    assert times_heavier(tasks((0, 0, 2), (0, 1, 3), (1, 2, 4)), work, 4.0) == 1.0


def test_nothing_is_said_where_nothing_was_done_or_nothing_is_left():
    assert times_heavier(tasks((0, 0, 1)), np.full(2, 1.0), 100.0) is None
    assert times_heavier(tasks((0, 0, 1), (1, 1, 2)), np.full(2, 1.0), 2.0) is None
    assert times_heavier(tasks((-1, 0, 1)), np.full(2, 1.0), 1.0) is None  # a task that is not of this run
    assert times_heavier(tasks((0, 0, 1)), np.zeros(2), 1.0) is None
