"""Compiled answers are those of brute force, on programs that we know and on random ones."""

import itertools
from collections import defaultdict

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from lambdapack.random_programs import programs
from lambdapack.toys import PROGRAMS, cholesky, parse_text, solve, tree

from numpywren.lambdapack import Task, Tile
from numpywren.lambdapack.check import small_sizes
from numpywren.lambdapack.program import Dataflow
from numpywren.lambdapack.reference import Reference

MOST_TASKS = 300


def assert_same(program, sizes):
    """Hold every answer to brute force."""
    flow = Dataflow(program, sizes)
    reference = Reference(program.body, program.matrices, sizes)
    tasks = reference.tasks
    assert tuple(flow.tasks()) == tasks
    assert flow.count() == len(tasks)
    readers, writers = defaultdict(list), defaultdict(list)
    for task in tasks:
        assert flow.reads(task) == reference.reads(task)
        assert flow.writes(task) == reference.writes(task)
        assert flow.needs(task) == reference.needs(task)
        for tile in reference.reads(task):
            readers[tile].append(task)
        for tile in reference.writes(task):
            writers[tile].append(task)
    assert tuple(flow.roots()) == reference.roots()
    elsewhere = {
        Tile(matrix.name, index)
        for matrix in program.matrices
        for index in itertools.product(range(-1, 3), repeat=len(matrix.grid))
        if len(matrix.grid) < 4
    }
    for tile in elsewhere | readers.keys() | writers.keys():
        assert flow.readers(tile) == tuple(readers[tile]), tile
        writer = flow.writer(tile)
        assert writer in writers[tile] if writers[tile] else writer is None, tile
    return flow, reference


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.name)
def test_known_programs_agree_with_brute_force(program):
    for sizes in small_sizes(program):
        if sum(sizes.values()) <= 7:
            assert_same(program, sizes)


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(programs(), st.integers(0, 4), st.integers(1, 3))
def test_random_programs_agree_with_brute_force(text, n, d):
    program = parse_text(text)
    sizes = {"n": n, "d": d}
    reference = Reference(program.body, program.matrices, sizes)
    try:
        assume(len(reference.tasks) <= MOST_TASKS)
        for task in reference.tasks:
            assume(len(reference.reads(task)) <= MOST_TASKS)
            reference.writes(task)
    except ValueError:
        # Arithmetic without an answer: somewhere the compiled form must say so too, and nowhere fail otherwise.
        flow = Dataflow(program, sizes)
        with pytest.raises(ValueError):
            for task in flow.tasks():
                flow.reads(task), flow.writes(task)
        for index in itertools.product(range(3), repeat=2):
            flow.readers(Tile("T", index)), flow.writer(Tile("T", index))
    else:
        assert_same(program, sizes)


def test_readers_are_distinct_and_in_program_order():
    program = parse_text(
        """
        @program(A="n", X="n")
        def twice(A: Input, X: Output):
            T = temporary("*")
            for j in range(n - 1, -1, -1):
                T[j] = A[0] + sum(A[k] for k in range(n))
            for j in range(n):
                X[j] = A[0] @ T[j]
        """
    )
    readers = program.readers(Tile("A", (0,)), {"n": 3})
    assert readers == (Task(0, (2,)), Task(0, (1,)), Task(0, (0,)), Task(1, (0,)), Task(1, (1,)), Task(1, (2,)))
    assert readers == Reference(program.body, program.matrices, {"n": 3}).readers(Tile("A", (0,)))


def test_reads_are_distinct_and_in_order_of_evaluation():
    task = Task(1, (0, 1, 2))
    assert cholesky.reads(task, {"n": 3, "depth": 2}) == (
        Tile("A", (2, 1)), Tile("L", (2, 0)), Tile("L", (1, 0)), Tile("L", (1, 1)),
    )  # fmt: skip


def test_searches_do_not_grow_with_the_matrix():
    """Ten times the matrix, and as many steps for a reader that is solved for: counted, not timed."""
    steps = {}
    for n in (100, 1000):
        flow = solve.bind({"n": n, "r": 1, "depth": 1})
        (search,) = [search for search, _ in flow._searches("writer", Tile("L", (7, 3)))][1:]
        steps[n] = count_lines(lambda search=search: search(7, 3))
    assert steps[100] == steps[1000] < 20


def count_lines(call):
    """Bytecode instructions that a call takes."""
    import sys

    count = 0

    def trace(frame, event, argument):
        nonlocal count
        frame.f_trace_opcodes = True
        count += event == "opcode"
        return trace

    sys.settrace(trace)
    try:
        call()
    finally:
        sys.settrace(None)
    return count // 10


def test_tiles_of_unknown_matrices_are_refused():
    flow = tree.bind({"n": 3, "one": 1})
    with pytest.raises(ValueError, match="no matrix 'Z'"):
        flow.readers(Tile("Z", (0,)))
    assert flow.readers(Tile("A", (0, 0))) == ()
    assert flow.writer(Tile("T", (0,))) is None


@pytest.mark.parametrize("n", [1, 2, 10])
@pytest.mark.parametrize("depth", [1, 3])
def test_count_is_the_number_of_tasks(n, depth):
    assert cholesky.count({"n": n, "depth": depth}) == len(list(cholesky.tasks({"n": n, "depth": depth})))


def test_count_of_a_large_program_has_a_closed_form():
    n = 1000
    # n potrf, n(n-1)/2 trsm, and after each panel the lower triangle that is left.
    assert cholesky.count({"n": n, "depth": 1}) == n + n * (n - 1) // 2 + sum(k * (k + 1) // 2 for k in range(n))


def test_roots_of_a_large_program_come_at_once():
    assert list(cholesky.roots({"n": 100_000, "depth": 1})) == [Task(0, (0, 0))]


def test_a_tree_is_searched_from_both_ends():
    flow = tree.bind({"n": 1000, "one": 1})
    assert flow.writer(Tile("T", (3, 8))) == Task(1, (2, 8))
    assert flow.readers(Tile("T", (2, 12))) == (Task(1, (2, 8)),)
    assert flow.readers(Tile("T", (10, 0))) == (Task(3, (0,)),)
    assert flow.writer(Tile("T", (3, 4))) is None
