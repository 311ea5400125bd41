"""Tasks whose tiles lie at equal distances are seen by views; held to lists of their tiles."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from planner.test_plan import CALLS, workload_of

from numpywren.planner import Machine, make_plan, sweep
from numpywren.planner.patches import IrregularError, differ, in_common, largest
from numpywren.planner.pattern import Patch
from numpywren.planner.regular import Regular
from numpywren.planner.sweep import Sweep
from numpywren.planner.workload import Shapes

MACHINE = Machine(name="m", get_s=0.5, put_s=0.25, bandwidth=1e6, gflops=1e-3)


@pytest.mark.parametrize("name", CALLS)
def test_views_and_lists_tell_the_same(name, monkeypatch):
    workload = workload_of(name)
    seen = make_plan(workload, MACHINE)
    monkeypatch.setattr(sweep, "strips", lambda *_: None)
    listed = make_plan(workload, MACHINE)
    one, other = (plan.to_json() for plan in (seen, listed))
    for figures, others in zip(one.pop("kernels"), other.pop("kernels"), strict=True):
        assert figures == pytest.approx(others)
    drawn, wanted = one.pop("profile"), other.pop("profile")
    for column, amounts in drawn.items():
        np.testing.assert_allclose(amounts, wanted[column], rtol=1e-9, atol=1e-6)
    assert one.pop("choices") == other.pop("choices")
    assert one == pytest.approx(other)


@pytest.mark.parametrize("name", ["cholesky", "lu", "qr", "svdvals", "lstsq", "stack"])
def test_hardly_a_task_is_listed(name, monkeypatch):
    found = []
    settle = Regular.settle

    def noted(self, seen, *times):
        found.append(sum(seen.tasks))
        settle(self, seen, *times)

    monkeypatch.setattr(Regular, "settle", noted)
    workload = workload_of(name)
    Sweep(workload, Shapes(workload), MACHINE)
    assert sum(found) > 0.5 * workload.dataflow.count()


def patch_of(firsts, counts, across):
    """Tiles of a task at one place: one loop for each index."""
    sides = tuple((first, 1, number, along) for number, (first, along) in enumerate(zip(firsts, across, strict=True)))
    return Patch(True, counts, 0, (), (), 0, (), (), sides)


def tiles(patch, where):
    ranges = [
        range(first + np.dot(across, where), first + np.dot(across, where) + count)
        for (first, _, _, across), count in zip(patch.sides, patch.counts, strict=True)
    ]
    return set(itertools.product(*ranges))


PAIRS = st.tuples(st.integers(0, 3), st.integers(0, 3))
PATCHES = st.builds(
    patch_of,
    PAIRS,
    st.tuples(st.integers(1, 3), st.integers(1, 3)),
    st.tuples(st.tuples(st.integers(0, 1)), st.tuples(st.integers(0, 1))),
)


@given(patches=st.lists(PATCHES, max_size=4), length=st.integers(2, 4))
def test_tiles_that_are_read_at_several_places_are_counted(patches, length):
    try:
        common = [*in_common(patches, (length,))]
    except IrregularError:
        return
    for number in range(length):
        listed = [tiles(patch, (number,)) for patch in patches]
        again = sum(map(len, listed)) - len(set().union(*listed))
        counted = sum(sign * max(np.prod([max(high - low + 1, 0) for low, high, _ in box]), 0) for sign, box in common)
        assert counted == again


@given(
    counts=st.lists(st.integers(1, 4), max_size=3),
    strides=st.lists(st.integers(-9, 9), min_size=3, max_size=3),
)
def test_entries_that_differ_are_different(counts, strides):
    strides = strides[: len(counts)]
    places = [np.dot(place, strides) for place in itertools.product(*map(range, counts))]
    if differ(counts, strides):
        assert len({*places}) == len(places)


@given(data=st.data(), counts=st.lists(st.integers(1, 3), max_size=2), lengths=st.lists(st.integers(2, 4), max_size=2))
def test_the_largest_entry_of_each_task(data, counts, lengths):
    flat = np.random.default_rng(0).permutation(1000).astype(np.float64)
    strides = st.integers(-9, 30)
    inner = tuple(data.draw(strides) for _ in counts)
    across = tuple(data.draw(strides) for _ in lengths)
    where = (
        500 * 8,
        tuple(counts),
        tuple(8 * each for each in inner),
        tuple(lengths),
        tuple(8 * each for each in across),
    )
    got = np.broadcast_to(largest(flat, *where), lengths)
    for task in itertools.product(*map(range, lengths)):
        own = [np.dot(place, inner) for place in itertools.product(*map(range, counts))]
        assert got[task] == max(flat[500 + int(np.dot(task, across)) + int(each)] for each in own)
