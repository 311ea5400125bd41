from types import SimpleNamespace

import numpy as np
import pytest

from numpywren.matrix import asarray, install, operators


@pytest.fixture
def said(monkeypatch):
    """Operators that say what they were asked for."""
    monkeypatch.setattr(operators, "_installed", None)
    names = ("matmul", "add", "subtract", "multiply")
    install(SimpleNamespace(**{name: lambda *args, name=name: (name, *args) for name in names}))


def test_each_operator(said):
    A, B, x = asarray(np.eye(3)), asarray(np.ones((3, 3))), np.ones((3, 3))
    assert A @ B == ("matmul", A, B)
    assert A + B == ("add", A, B)
    assert A - B == ("subtract", A, B)
    for name, left, right in [("matmul", A @ x, x @ A), ("add", A + x, x + A), ("subtract", A - x, x - A)]:
        assert (left[0], left[1], right[0], right[2]) == (name, A, name, A)
        assert left[2] is right[1] is x
    for number in (2, 2.5, 1j, np.float32(3), True, np.int64(4)):
        assert A * number == number * A == ("multiply", A, number)
        name, array, factor = A / number
        assert (name, array) == ("multiply", A)
        assert factor == 1 / np.result_type(A.dtype, number).type(number)
        assert isinstance(factor, np.generic) == isinstance(number, np.generic)
    assert -A == ("multiply", A, -1)
    assert +A is A


@pytest.mark.parametrize("zero", [0, 0.0, False, -0.0, np.float64(0), np.float32(-0.0), np.int64(0)])
def test_division_by_zero_warns_as_numpy_does(said, zero):
    A = asarray(np.eye(3))
    with pytest.warns(RuntimeWarning, match="divide by zero encountered in divide") as told:
        factor = (A / zero)[2]
    assert told[0].filename == __file__
    with np.errstate(divide="ignore"):
        assert factor == (np.ones(1) / zero)[0]


@pytest.mark.parametrize("other", ["a", None, object(), [1, 2]])
def test_other_operands_are_pythons_type_error(said, other):
    A = asarray(np.eye(3))
    for call in (lambda: A @ other, lambda: A + other, lambda: other - A, lambda: A * other, lambda: A / other):
        with pytest.raises(TypeError):
            call()


def test_elementwise_products_of_arrays_are_not_offered(said):
    A = asarray(np.eye(3))
    for call in (lambda: A * A, lambda: A / A, lambda: np.ones((3, 3)) * A, lambda: 2 / A):
        with pytest.raises(TypeError):
            call()


def test_without_operators(monkeypatch):
    monkeypatch.setattr(operators, "_installed", None)
    A = asarray(np.eye(3))
    with pytest.raises(TypeError, match="import numpywren"):
        A @ A


def test_numbers_are_not_added(said):
    A = asarray(np.eye(3))
    for call in (lambda: A + 1, lambda: 1 + A, lambda: A - 1, lambda: 1.5 - A, lambda: np.float64(1) + A):
        with pytest.raises(TypeError, match=r"add_diagonal.*np\.full"):
            call()
