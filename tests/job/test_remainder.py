"""Whatever was done before a crash, what is left finishes the run and computes nothing that exists."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from numpywren import algorithms
from numpywren.control import Arrival, Reader, open_plane
from numpywren.job.resume import remainder, roots

PROGRAMS = [
    (algorithms.cholesky, {"n": 6, "depth": 1}),
    (algorithms.cholesky, {"n": 7, "depth": 3}),
    (algorithms.posv, {"n": 4, "r": 2, "depth": 2}),
    (algorithms.gemm, {"m": 2, "k": 9, "n": 1, "splits": 7}),
    (algorithms.norm_fro, {"m": 3, "n": 4, "one": 1}),
    (algorithms.trsm_upper, {"n": 5, "r": 2, "depth": 2, "unit": 0}),
]


class CrashError(Exception):
    pass


def work(dataflow, plane, existing, dice, steps):
    """Do tasks with tiles that are only names; crash after so many steps, in the middle of a task."""
    temporary = {m.name for m in dataflow.program.matrices if m.role == "temporary"}
    tasks = {task.id: task for task in dataflow.tasks()}
    done = []
    while claims := plane.claim("worker", 3, 1000.0):
        for claim in dice.sample(claims, len(claims)):
            task = tasks[claim.task]
            for tile in dataflow.reads(task):
                assert dataflow.writer(tile) is None or tile in existing, f"{task} reads {tile}, which is not there"
            steps -= 1
            if steps == 0:
                raise CrashError
            existing.update(dataflow.writes(task))
            done.append(task)
            steps -= 1
            if steps == 0:
                raise CrashError  # written, and nobody was told
            arrivals = [
                Arrival(
                    tile.id,
                    tuple(Reader(r.id, dataflow.needs(r), dataflow.priority(r)) for r in dataflow.readers(tile)),
                    tile.matrix in temporary,
                )
                for tile in dataflow.writes(task)
            ]
            counted = [tile.id for tile in dataflow.reads(task) if tile.matrix in temporary]
            freed = plane.complete("worker", task.id, arrivals, counted).freed
            by_name = {tile.id: tile for tile in existing}
            existing.difference_update(by_name[name] for name in freed)
    return done


@settings(max_examples=80, deadline=None)
@given(
    which=st.integers(0, len(PROGRAMS) - 1),
    seed=st.integers(0, 10_000),
    crashes=st.lists(st.integers(1, 60), max_size=4),
)
def test_crash_anywhere_and_carry_on(which, seed, crashes):
    program, sizes = PROGRAMS[which]
    dataflow = program.bind(sizes)
    plane = open_plane(f"memory:remainder-{which}-{seed}")
    existing, dice = set(), random.Random(seed)
    plane.restore(roots(dataflow), {}, dataflow.count())
    finished = None
    for steps in [*crashes, 0]:
        try:
            finished = work(dataflow, plane, existing, dice, steps)
            break
        except CrashError:
            before = set(existing)
            left = remainder(dataflow, frozenset(existing))
            existing -= set(left.unread)
            assert left.total <= dataflow.count()
            plane.restore(left.tasks, left.readers_left, left.total)
            to_do = {state.task for state in left.tasks if not state.done}
            again = {tile for task in dataflow.tasks() if task.id in to_do for tile in dataflow.writes(task)}
            assert not again & before, "a tile that exists would be computed again"
    assert finished is not None
    assert plane.status().state == "done"
    outputs = {m.name for m in program.matrices if m.role == "output"}
    wanted = {tile for task in dataflow.tasks() for tile in dataflow.writes(task) if tile.matrix in outputs}
    assert wanted <= existing
    assert existing == wanted, "intermediates were left behind"
    plane.delete()


@pytest.mark.parametrize(("program", "sizes"), PROGRAMS)
def test_nothing_is_left_of_a_run_that_is_done(program, sizes):
    dataflow = program.bind(sizes)
    outputs = {m.name for m in program.matrices if m.role == "output"}
    existing = {tile for task in dataflow.tasks() for tile in dataflow.writes(task) if tile.matrix in outputs}
    assert remainder(dataflow, existing).total == 0


def test_everything_is_left_of_a_run_that_never_began():
    dataflow = algorithms.cholesky.bind({"n": 5, "depth": 2})
    left = remainder(dataflow, frozenset())
    assert left.total == dataflow.count()
    ready = {state.task for state in left.tasks if not state.done and len(state.arrived) == state.needs}
    assert ready == {state.task for state in roots(dataflow)}
