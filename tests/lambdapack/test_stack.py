"""Programs in a loop over leading axes."""

import itertools

import pytest
from lambdapack.toys import KERNELS, cholesky, solve, tree

from numpywren.lambdapack import Program, Tile, stacked
from numpywren.lambdapack.check import check

BOTH = (("A", (True, True)), ("B", (True, True)), ("X", (True, True)))


def test_leading_axes_come_in_front_of_the_grids():
    several = stacked(solve, (("A", (True, True)), ("B", (False, True)), ("X", (True, True))))
    grids = {matrix.name: " ".join(matrix.grid) for matrix in several.matrices if matrix.role != "temporary"}
    assert grids == {"A": "stack0 stack1 n n", "B": "same0 stack1 n r", "X": "stack0 stack1 n r"}
    assert several.sizes[:3] == ("stack0", "stack1", "same0")


def test_a_stack_is_checked_and_travels_as_any_program():
    several = stacked(solve, BOTH)
    check(several)
    assert Program.from_json(several.to_json(), lambda path: KERNELS[path.partition(":")[2]]) == several
    assert stacked(solve, BOTH) is several


@pytest.mark.parametrize("program", [cholesky, tree], ids=lambda program: program.name)
def test_each_problem_has_the_tasks_of_the_program_alone(program):
    names = [matrix.name for matrix in program.matrices if matrix.role != "temporary"]
    several = stacked(program, tuple((name, (True,)) for name in names))
    sizes = {"n": 4, "depth": 2} if program is cholesky else {"n": 5, "one": 1}
    alone, together = program.bind(sizes), several.bind({**sizes, "stack0": 3})
    assert together.count() == 3 * alone.count()
    for name in names:
        written = {tile.index for task in alone.tasks() for tile in alone.writes(task) if tile.matrix == name}
        for s, index in itertools.product(range(3), written):
            tile = Tile(name, (s, *index))
            task = together.writer(tile)
            assert task is not None
            assert all(read.index[0] == s for read in together.reads(task))


def test_a_matrix_may_be_the_same_for_all_problems_or_lack_an_axis():
    several = stacked(solve, (("A", (False, True)), ("B", (True,)), ("X", (True, True))))
    flow = several.bind({"stack0": 2, "stack1": 3, "same0": 1, "n": 2, "r": 1, "depth": 1})
    read = {tile for task in flow.tasks() for tile in flow.reads(task)}
    assert {tile.index[:2] for tile in read if tile.matrix == "A"} == {(0, s) for s in range(3)}
    assert {tile.index[0] for tile in read if tile.matrix == "B"} == {0, 1, 2}
    assert all(len(tile.index) == 3 for tile in read if tile.matrix == "B")
    assert flow.count() == 6 * solve.bind({"n": 2, "r": 1, "depth": 1}).count()
