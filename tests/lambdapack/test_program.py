"""Programs, sizes, composition, priorities."""

import threading

import pytest
from lambdapack.toys import cholesky, everything, parse_text, solve, solve_lower, solve_stack, solve_upper, tree

from numpywren.errors import ProgramError
from numpywren.lambdapack import Task, Tile
from numpywren.lambdapack.check import check


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ({"n": 3}, "needs a value for size 'depth'"),
        ({"n": 3, "depth": 1, "k": 2}, "has no size 'k'; it has n, depth"),
        ({"n": -1, "depth": 1}, "'n' of program cholesky is -1"),
        ({"n": 3, "depth": 0}, "cannot run with n=3, depth=0: the loop over 'p' advances by 0"),
    ],
)
def test_sizes_that_make_no_sense(sizes, message):
    with pytest.raises(ValueError, match=message):
        cholesky.bind(sizes)


def test_sizes_are_integers():
    with pytest.raises(TypeError):
        cholesky.bind({"n": 2.0, "depth": 1})


def test_defaults_may_be_left_out():
    assert everything.bind({"m": 2, "n": 2}).sizes == {"m": 2, "n": 2, "width": 2}


def test_binding_the_same_sizes_is_free():
    assert cholesky.bind({"n": 3, "depth": 1}) is cholesky.bind({"depth": 1, "n": 3})


def test_short_cuts_are_those_of_the_dataflow():
    sizes = {"n": 3, "depth": 1}
    flow = cholesky.bind(sizes)
    task, tile = Task(1, (0, 0, 2)), Tile("L", (2, 0))
    assert list(cholesky.tasks(sizes)) == list(flow.tasks())
    assert cholesky.count(sizes) == flow.count() == 10
    assert cholesky.reads(task, sizes) == flow.reads(task) == (Tile("A", (2, 0)), Tile("L", (0, 0)))
    assert cholesky.writes(task, sizes) == flow.writes(task) == (tile,)
    assert cholesky.readers(tile, sizes) == flow.readers(tile) == (Task(2, (0, 1, 2)), Task(2, (0, 2, 2)))
    assert cholesky.writer(tile, sizes) == flow.writer(tile) == task
    assert list(cholesky.roots(sizes)) == list(flow.roots()) == [Task(0, (0, 0))]


def test_programs_of_nothing():
    assert list(cholesky.tasks({"n": 0, "depth": 1})) == []
    assert cholesky.count({"n": 0, "depth": 1}) == 0
    assert list(cholesky.roots({"n": 0, "depth": 1})) == []


def run(program, sizes):
    """Run a program's tasks in any order that its tiles allow; tiles that were written, and tasks in that order."""
    flow = program.bind(sizes)
    inputs = {matrix.name for matrix in program.matrices if matrix.role == "input"}
    waiting = {task: {tile for tile in flow.reads(task) if tile.matrix not in inputs} for task in flow.tasks()}
    ready = list(flow.roots())
    assert set(ready) == {task for task, tiles in waiting.items() if not tiles}
    done, written = [], set()
    while ready:
        task = ready.pop()
        done.append(task)
        for tile in flow.writes(task):
            assert tile not in written
            written.add(tile)
            for reader in flow.readers(tile):
                waiting[reader].discard(tile)
                if not waiting[reader]:
                    ready.append(reader)
    assert len(done) == len(set(done)) == flow.count()
    return written, done


@pytest.mark.parametrize(
    ("program", "sizes"),
    [
        (cholesky, {"n": 7, "depth": 3}),
        (solve, {"n": 4, "r": 2, "depth": 2}),
        (solve_stack, {"s": 3, "n": 3, "r": 2}),
        (tree, {"n": 13, "one": 1}),
        (everything, {"m": 4, "n": 3, "width": 2}),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_arrivals_alone_lead_through_a_program(program, sizes):
    written, _ = run(program, sizes)
    assert written


def test_calls_write_what_the_programs_alone_would():
    sizes = {"n": 5, "r": 2}
    written, _ = run(solve, sizes | {"depth": 2})
    factor, _ = run(cholesky, {"n": 5, "depth": 2})
    forward, _ = run(solve_lower, sizes)
    backward, _ = run(solve_upper, sizes)

    def of(tiles, matrix):
        return {tile.index for tile in tiles if tile.matrix == matrix}

    assert of(written, "L") == of(factor, "L")
    assert of(written, "cholesky_S") == of(factor, "S")
    assert of(written, "Y") == of(forward, "X")
    assert of(written, "solve_lower_S") == of(forward, "S")
    assert of(written, "X") == of(backward, "X")


def test_stacks_have_temporaries_of_their_own():
    one, _ = run(solve, {"n": 3, "r": 2, "depth": 2})
    stack, _ = run(solve_stack, {"s": 2, "n": 3, "r": 2})
    assert len(stack) == 2 * len(one)
    assert {matrix.grid for matrix in solve_stack.matrices if matrix.name == "solve_cholesky_S"} == {
        ("*", "*", "n", "n")
    }


def test_a_solve_starts_before_the_factor_is_done():
    flow = solve.bind({"n": 6, "r": 1, "depth": 1})
    first = flow.writer(Tile("Y", (0, 0)))
    assert flow.reads(first) == (Tile("B", (0, 0)), Tile("L", (0, 0)))


def test_two_calls_of_one_program_have_two_sets_of_temporaries():
    program = parse_text(
        """
        @program(A="n n", B="n n", L="n n", M="n n")
        def both(A: Input, B: Input, L: Output, M: Output, i: Size = 1):
            cholesky(A, L, depth=i)
            cholesky(B, M, n, i)
        """,
        {"cholesky": cholesky},
    )
    check(program)
    assert [matrix.name for matrix in program.matrices] == ["A", "B", "L", "M", "cholesky_S", "cholesky_S_2"]
    assert program.count({"n": 4}) == 2 * cholesky.count({"n": 4, "depth": 1})
    assert all(loop.variable != "i" for kind in program.kinds for loop in kind.loops)


@pytest.mark.parametrize("call", ["scaled(A, X, ...)", "scaled(A, X, depth=depth, alpha=alpha)"])
def test_dots_hand_on_what_has_the_same_name(call):
    inner = parse_text(
        """
        @program(A="n n", X="n n")
        def scaled(A: Input, X: Output, alpha: Scalar, depth: Size = 3):
            for i in range(n):
                for j in range(n):
                    X[i, j] = gather([alpha * A[i, j]], weight=depth)
        """
    )
    outer = parse_text(
        f"""
        @program(A="n n", X="n n")
        def outer(A: Input, X: Output, alpha: Scalar, depth: Size):
            {call}
        """,
        {"scaled": inner},
    )
    assert str(outer).splitlines()[-1].strip() == "X[i, j] = gather([alpha * A[i, j]], weight=depth)"


def test_dots_give_way_to_what_is_given():
    outer = parse_text(
        """
        @program(A="n n", X="n n")
        def outer(A: Input, X: Output, depth: Size):
            cholesky(A, X, ..., depth=2)
        """,
        {"cholesky": cholesky},
    )
    assert outer.count({"n": 5, "depth": 1}) == cholesky.count({"n": 5, "depth": 2})


def test_a_stage_can_be_an_argument():
    program = parse_text(
        """
        @program(A="n n", L="n n")
        def later(A: Input, L: Output):
            S = stages(A)
            T = temporary("* n n")
            for i in range(n):
                for j in range(i + 1):
                    S[1, i, j] = A[i, j] + A[j, i].H
            for s in range(2):
                cholesky(S[s], T[s], depth=1)
            for i in range(n):
                for j in range(i + 1):
                    L[i, j] = T[0, i, j] - T[1, i, j]
        """,
        {"cholesky": cholesky},
    )
    check(program)
    flow = program.bind({"n": 2})
    first, second = (flow.writer(Tile("T", (s, 0, 0))) for s in range(2))
    assert flow.reads(first) == (Tile("A", (0, 0)),)
    assert flow.reads(second) == (Tile("S", (1, 0, 0)),)
    assert first in flow.readers(Tile("A", (0, 0)))


def test_calls_keep_scalars_kernels_and_slices_apart():
    inner = parse_text(
        """
        @program(A="n n", X="n n")
        def inner(A: Input, X: Output, beta: Scalar, w: Size):
            for i in range(n):
                X[i, 0:w] = scatter(beta * A[i, 0], A[0:w, i])
        """
    )
    outer = parse_text(
        """
        @program(A="n n", X="k n n")
        def outer(A: Input, X: Output, alpha: Scalar):
            for s in range(k):
                inner(A, X[s], beta=2 * alpha, w=n)
        """,
        {"inner": inner},
    )
    check(outer)
    flow = outer.bind({"n": 2, "k": 3})
    task = Task(0, (1, 1))
    assert flow.writes(task) == (Tile("X", (1, 1, 0)), Tile("X", (1, 1, 1)))
    assert flow.expression(task, {"alpha": 3}).args[0].factor == 6
    assert parse_text(str(outer)) == outer


def test_priorities_are_those_of_the_first_task_that_waits():
    flow = cholesky.bind({"n": 6, "depth": 1})
    tasks = list(flow.tasks())
    place = {task: at for at, task in enumerate(tasks)}
    keys = {task: flow.priority(task) for task in tasks}
    assert all(0 <= key < 2**53 for key in keys.values())
    for task in tasks:
        waiting = [reader for tile in flow.writes(task) for reader in flow.readers(tile)]
        first = min(waiting, key=place.__getitem__, default=task)
        # The key of a task that nobody waits for is its own place.
        same = [other for other in tasks if flow.priority(other) == keys[task]]
        assert task in same
        for other in tasks:
            others = [reader for tile in flow.writes(other) for reader in flow.readers(tile)]
            second = min(others, key=place.__getitem__, default=other)
            if place[first] <= place[second]:
                assert keys[task] <= keys[other]


def test_the_next_panel_is_more_urgent_than_the_rest_of_the_matrix():
    flow = cholesky.bind({"n": 8, "depth": 1})
    next_panel, rest = flow.writer(Tile("S", (1, 7, 1))), flow.writer(Tile("S", (1, 2, 2)))
    assert flow.priority(next_panel) < flow.priority(rest)


def test_priorities_follow_loops_that_count_down():
    flow = solve_upper.bind({"n": 5, "r": 1})
    keys = [flow.priority(task) for task in flow.tasks()]
    assert keys == sorted(keys)
    assert keys[0] < keys[-1]


def test_priorities_hold_for_a_million_tiles():
    flow = cholesky.bind({"n": 1_000_000, "depth": 1})
    late = [flow.priority(Task(0, (p, p))) for p in (999_997, 999_998, 999_999)]
    assert late[0] < late[1] <= late[2] < 2**53


def test_a_dataflow_serves_many_threads():
    program = parse_text(str(cholesky))
    sizes = {"n": 5, "depth": 2}
    expected = [cholesky.reads(task, sizes) for task in cholesky.tasks(sizes)]
    results = []
    barrier = threading.Barrier(8)

    def work():
        barrier.wait()
        flow = program.bind(sizes)
        results.append([flow.reads(task) for task in flow.tasks()])

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [expected] * 8


@pytest.mark.parametrize("name", ["L:4,2", "S:0", "T:"])
def test_ids_of_tiles_come_back(name):
    assert Tile.parse(name).id == name


@pytest.mark.parametrize("name", ["3:0,4,2", "0:", "1:-1"])
def test_ids_of_tasks_come_back(name):
    assert Task.parse(name).id == name


@pytest.mark.parametrize(("kind", "text"), [(Tile, "L"), (Tile, "L:x"), (Task, "3"), (Task, "x:1")])
def test_other_texts_are_no_ids(kind, text):
    with pytest.raises(ValueError):
        kind.parse(text)


def test_the_check_gives_up_in_time_not_in_silence():
    """Many sizes: fewer values of each are tried, and a mistake among small ones is still found."""
    head = '@program(A="a b c", X="a b c d e f")\ndef p(A: Input, X: Output):\n'
    body = (
        "    for i in range(a):\n        for j in range(b):\n            for k in range(c):\n"
        "                for u in range(d):\n                    for v in range(e):\n"
        "                        for w in range(f):\n"
        "                            X[i, j, k, u, v, {last}] = A[i, j, k]\n"
    )
    check(parse_text(head + body.format(last="w")))
    with pytest.raises(ProgramError, match="index 6 of 'X' goes from 0 to f-1 = 0"):
        check(parse_text(head + body.format(last="w + 1")))


def test_representations_say_what_it_is():
    assert repr(cholesky) == "<program cholesky(A, L, n, depth): 3 kinds of task>"
    assert repr(cholesky.bind({"n": 2, "depth": 1})) == "<dataflow of cholesky with n=2, depth=1>"
    assert len({cholesky, parse_text(str(cholesky))}) == 1
    assert cholesky != tree
    assert cholesky != 3
