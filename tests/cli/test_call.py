"""Words of the command line against signatures."""

import pytest

from numpywren.cli.call import Call, UsageError, parse_call, usage


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
        (["A", "--mode", "5"], ("A",), {"mode": "5"}),
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
        (["A", "--depth"], "--depth needs a value, as in --depth 4"),
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
