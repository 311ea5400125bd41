"""The programs that ship: what they look like printed, and that they stay as small for any matrix."""

import pytest

from numpywren import algorithms
from numpywren.lambdapack import Program
from numpywren.lambdapack.check import check

PROGRAMS = [getattr(algorithms, name) for name in algorithms.__all__]


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.name)
def test_printed(program, golden):
    golden(f"{program.name}.txt", f"{program}\n")


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.name)
def test_it_means_something_for_all_small_sizes(program):
    # importing them does not check them, so that users need not wait for it
    check(program)


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.name)
def test_encoded_and_decoded(program):
    assert Program.from_json(program.to_json()) == program


def test_an_encoded_program_does_not_grow_with_the_matrix():
    small = algorithms.cholesky.bind({"n": 1, "depth": 1})
    large = algorithms.cholesky.bind({"n": 1000, "depth": 4})
    assert large.count() > 1_000_000 > small.count()
    assert large.program.to_json() == small.program.to_json()
    assert len(small.program.to_json()) < 4000
