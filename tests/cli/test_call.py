"""Words of the command line against signatures."""

from __future__ import annotations

import math

import pytest

from numpywren.cli.call import Call, UsageError, callable_by_words, parse_call, usage


def factor(x, /, *, upper=False, check_finite=True, depth=4, tol=0.5, mode="reduced", axis=None):
    """Stand for a function of `numpywren.linalg`: every kind of parameter that they have."""


def several(*arrays, out_chunks=None):
    """Take any number of arrays."""


@pytest.mark.parametrize(
    ("words", "positional", "options"),
    [
        (["A"], ("A",), {}),
        (["A", "--upper"], ("A",), {"upper": True}),
        (["--no-upper", "A"], ("A",), {"upper": False}),
        (["A", "--no-check-finite"], ("A",), {"check_finite": False}),
        (["A", "--check_finite=false"], ("A",), {"check_finite": False}),
        (["A", "--depth", "7", "--tol=1e-3"], ("A",), {"depth": 7, "tol": 1e-3}),
        (["A", "--mode", "complete"], ("A",), {"mode": "complete"}),
        (["A", "--mode", "1"], ("A",), {"mode": 1}),
        (["A", "--mode", "inf"], ("A",), {"mode": math.inf}),
        (["A", "--axis", "-1"], ("A",), {"axis": -1}),
        (["A", "--axis", "0,1"], ("A",), {"axis": (0, 1)}),
        (["A", "--axis=none"], ("A",), {"axis": None}),
        (["--", "--A"], ("--A",), {}),
    ],
)
def test_words_become_arguments(words, positional, options):
    call = parse_call("factor", factor, words)
    assert call == Call(positional, options)
    assert [type(v) for v in call.options.values()] == [type(v) for v in options.values()]


def known(a, b, *, assume_a):
    """Have an option without a default."""


def shift(x, alpha: complex, /):
    """Take a number in order."""


def factored(c_and_lower: tuple[object, bool], b):
    """Take what words cannot give."""


def test_an_option_without_default_must_be_given():
    assert parse_call("known", known, ["A", "b", "--assume-a", "pos"]) == Call(("A", "b"), {"assume_a": "pos"})
    with pytest.raises(UsageError, match="known needs --assume-a; it is called as: known A B --assume-a VALUE"):
        parse_call("known", known, ["A", "b"])


def test_numbers_are_taken_in_order():
    assert parse_call("shift", shift, ["A", "2.5"]).positional == ("A", 2.5)
    assert parse_call("shift", shift, ["A", "1+2j"]).positional == ("A", 1 + 2j)
    with pytest.raises(UsageError, match="ALPHA of shift is a number, not 'B'"):
        parse_call("shift", shift, ["A", "B"])


def test_what_words_cannot_give_is_known():
    assert [callable_by_words(f) for f in (factor, several, known, shift, factored)] == [True] * 4 + [False]


def test_any_number_of_arrays():
    assert parse_call("several", several, ["A", "B", "C"]).positional == ("A", "B", "C")
    assert parse_call("several", several, ["A", "--out-chunks", "64"]).options == {"out_chunks": 64}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "takes 1 argument, not 0; it is called as: factor X"),
        (["A", "B"], "takes 1 argument, not 2"),
        (["A", "--lower"], "no option --lower; it is called as: factor X"),
        (["A", "--no-depth"], "no option --no-depth"),
        (["A", "--depth"], "--depth needs a value; it is called as: factor X"),
        (["A", "--depth", "many"], "--depth is a whole number, not 'many'"),
        (["A", "--tol", "x"], "--tol is a number, not 'x'"),
        (["A", "--upper=maybe"], "--upper is true or false, not 'maybe'"),
    ],
)
def test_words_with_no_place_are_refused(words, message):
    with pytest.raises(UsageError, match=message):
        parse_call("factor", factor, words)


def test_usage_lists_every_option():
    assert usage("factor", factor) == (
        "factor X [--upper] [--no-check-finite] [--depth VALUE] [--tol VALUE] [--mode VALUE] [--axis VALUE]"
    )
    assert usage("several", several) == "several ARRAYS... [--out-chunks VALUE]"
