"""What is compiled, and the arithmetic that it may do."""

import json
import math
import types

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lambdapack.test_encoding import load
from lambdapack.toys import everything, solve

from numpywren.lambdapack import Program, arithmetic
from numpywren.lambdapack.codegen import GLOBALS, series

SMALL = st.integers(-30, 30)


@given(SMALL, SMALL, SMALL, SMALL)
def test_series_is_the_sum_of_what_is_positive(low, high, slope, offset):
    assert series(low, high, slope, offset) == sum(max(0, slope * x + offset) for x in range(low, high + 1))


@given(st.integers(0, 10**6))
def test_log2_counts_the_levels_of_a_tree(number):
    levels = arithmetic.log2(number)
    assert 2**levels >= number
    assert levels == 0 or 2 ** (levels - 1) < number
    assert arithmetic.total_log2(number) == levels


@given(SMALL, SMALL)
def test_total_arithmetic_is_arithmetic_where_that_has_an_answer(left, right):
    for name in ("divide", "modulo", "power"):
        total = getattr(arithmetic, f"total_{name}")(left, right)
        try:
            assert total == getattr(arithmetic, name)(left, right)
        except ValueError:
            assert total == 0


def test_arithmetic_is_bounded():
    assert arithmetic.power(2, 62) == 2**62
    assert arithmetic.power(-1, 10**18) == 1
    assert arithmetic.power(0, 0) == 1
    for base, exponent in ((10, 10**18), (2**64, 3), (-7, 100)):
        with pytest.raises(ValueError, match="more than 128 bits"):
            arithmetic.power(base, exponent)
        assert arithmetic.total_power(base, exponent) == 0
    assert arithmetic.total_log2(-5) == 0
    with pytest.raises(ValueError, match="negative"):
        arithmetic.log2(-5)
    assert math.log2(1024) == arithmetic.log2(1024)


def codes(code):
    yield code
    for item in code.co_consts:
        if isinstance(item, types.CodeType):
            yield from codes(item)


def compiled(program):
    """Every function compiled for a program."""
    flow = program.bind(dict.fromkeys(program.sizes, 3))
    flow.count(), list(flow.roots())
    for task in flow.tasks():
        flow.reads(task), flow.needs(task), flow.priority(task)
        for tile in (*flow.writes(task), *flow.reads(task)):
            flow.readers(tile), flow.writer(tile)
    for found in program.dependencies.cache.values():
        for item in found if isinstance(found, tuple) and not hasattr(found, "make") else (found,):
            made = getattr(item, "make", item)
            if made is not None:
                yield made
    yield from program._visits.values()


@pytest.mark.parametrize("program", [solve, everything], ids=lambda program: program.name)
def test_compiled_code_holds_nothing_of_the_program_but_integers(program):
    """Even names chosen to do harm do not get in."""
    text = program.to_json()
    document = json.loads(text.replace('"j"', '"__import__"').replace('"i"', '"breakpoint"'))
    hostile = Program.from_json(json.dumps(document), load)
    functions = list(compiled(hostile))
    assert len(functions) > 10
    for function in functions:
        own = function.__globals__.keys() - GLOBALS.keys()
        assert all(name[0] == "m" and name[1:].isdigit() for name in own)
        assert function.__globals__["__builtins__"] == {}
        for code in codes(function.__code__):
            assert set(code.co_names) <= function.__globals__.keys()
            made = {*code.co_varnames, *code.co_freevars, *code.co_cellvars}
            assert all(name in {"f", "found", "first", "total"} or name.strip("wvst").isdigit() for name in made)
            for constant in code.co_consts:
                assert constant is None or isinstance(constant, int | types.CodeType | str | tuple)
                if isinstance(constant, str):
                    assert constant == "make.<locals>.f"  # the function's own qualified name
