"""Functions of Hermitian matrices, `logdet`, and integer powers, beside SciPy and NumPy."""

import numpy as np
import pytest
import scipy.linalg
from hypothesis import given, settings
from hypothesis import strategies as st
from linalg.matrices import DTYPES, eps, hermitian_family, positive_definite, random

import numpywren as nw

GRIDS = [(1, 1), (5, 8), (9, 2), (14, 5)]


def close(a, b, times=50.0):
    return np.linalg.norm(a - b) <= times * eps(b.dtype) * max(1, len(b)) ** 0.5 * (np.linalg.norm(b) or 1.0)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("n", "tile"), GRIDS)
def test_sqrtm_and_expm(n, tile, dtype):
    a = positive_definite(n, dtype)
    root = np.asarray(nw.linalg.sqrtm(nw.asarray(a, chunks=tile)))
    assert root.dtype == dtype
    assert np.array_equal(root, root.conj().T)
    assert close(root @ root, a)
    assert np.linalg.eigvalsh(root).min() > 0
    h = (hermitian_family("random", n, dtype) / n).astype(dtype)
    x = np.asarray(nw.linalg.expm(nw.asarray(h, chunks=tile)))
    assert x.dtype == dtype
    assert np.array_equal(x, x.conj().T)
    assert close(x, scipy.linalg.expm(h))


@pytest.mark.parametrize("tile", [3, 12])
def test_sqrtm_of_a_singular_matrix(tile):
    half = random((12, 5), np.complex128)
    a = half @ half.conj().T
    root = np.asarray(nw.linalg.sqrtm(nw.asarray(a, chunks=tile)))
    assert close(root @ root, a)
    assert not np.asarray(nw.linalg.sqrtm(nw.asarray(np.zeros((12, 12)), chunks=tile))).any()


@pytest.mark.parametrize("tile", [2, 6])
def test_sqrtm_of_an_indefinite_matrix(tile):
    a = np.diag([3.0, 2, 1, 1, 1, -0.25])
    with pytest.raises(np.linalg.LinAlgError, match=r"not positive semidefinite.*-0\.25"):
        nw.linalg.sqrtm(nw.asarray(a, chunks=tile))


@pytest.mark.parametrize("name", ["sqrtm", "expm", "logdet"])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("tile", [4, 9])
def test_what_is_not_hermitian_is_refused(name, dtype, tile):
    function = getattr(nw.linalg, name)
    a = (positive_definite(9, dtype) / 9).astype(dtype)
    word = "Hermitian" if a.dtype.kind == "c" else "symmetric"
    for at in [(8, 0), (0, 8), (2, 1), (7, 8)]:
        bad = a.copy()
        bad[at] += 1e-3 * np.abs(a).max()
        with pytest.raises(np.linalg.LinAlgError, match=f"not {word}.*A.H"):
            function(nw.asarray(bad, chunks=tile))
    if a.dtype.kind == "c":
        with pytest.raises(np.linalg.LinAlgError, match="not Hermitian"):
            function(nw.asarray(a + 0.1j * np.eye(9, dtype=dtype), chunks=tile))
    noisy = a + np.triu(np.full((9, 9), 20 * eps(dtype) * np.abs(a).max(), dtype), 1)
    assert close(np.atleast_2d(function(nw.asarray(noisy, chunks=tile))), np.atleast_2d(function(a)), 1e3)


def test_one_matrix_of_a_stack_that_is_not_symmetric():
    stack = np.stack([np.eye(4), np.eye(4) + np.eye(4, k=1)])
    with pytest.raises(np.linalg.LinAlgError, match="not symmetric: it differs from its transpose by 1,"):
        nw.linalg.expm(nw.asarray(stack, chunks=(1, 2, 2)))


def test_a_matrix_that_is_not_hermitian_is_refused_at_the_beginning():
    program = nw.linalg.expm.request(nw.zeros((40, 40), chunks=8)).program
    flow = program.bind(dict.fromkeys(program.sizes, 3) | {"levels": 1})
    checks = [flow.priority(task) for task in flow.tasks() if "check_hermitian" in repr(program.kinds[task.kind].value)]
    assert len(checks) == 1
    assert checks[0] < min(
        flow.priority(task) for task in flow.tasks() if "he2hb" in repr(program.kinds[task.kind].value)
    )


def test_expm_beyond_what_can_be_written():
    x = np.asarray(nw.linalg.expm(nw.asarray(np.diag([2000.0, 0, 1, 2]), chunks=2)))
    assert not np.isfinite(x[0, 0])
    assert np.isfinite(np.asarray(nw.linalg.expm(nw.asarray(np.diag([700.0, 0, 1, 2]), chunks=2)))).all()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("n", "tile"), GRIDS)
def test_logdet(n, tile, dtype):
    a = positive_definite(n, dtype)
    value = nw.linalg.logdet(nw.asarray(a, chunks=tile))
    assert value.dtype == a.real.dtype
    sign, want = np.linalg.slogdet(a.astype(np.result_type(dtype, np.float64)))
    assert sign == pytest.approx(1)
    assert abs(value - want) <= 20 * n * eps(dtype) * max(1, abs(want))


def test_logdet_of_what_det_cannot_write_and_of_others():
    assert nw.linalg.logdet(nw.asarray(1e-200 * np.eye(5), chunks=2)) == pytest.approx(-1000 * np.log(10))
    assert nw.linalg.logdet(np.zeros((0, 0))) == 0
    with pytest.raises(np.linalg.LinAlgError, match="order 4"):
        nw.linalg.logdet(nw.asarray(np.diag([1.0, 1, 1, -1, 1]), chunks=2))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("exponent", [0, 1, 2, 3, 4, 6, 7, 13, -1, -2, -3])
def test_matrix_power(exponent, dtype):
    a = (np.eye(7) + 0.3 * random((7, 7), dtype, 2)).astype(dtype)
    x = np.asarray(nw.linalg.matrix_power(nw.asarray(a, chunks=3), exponent))
    assert x.dtype == dtype
    assert close(x, np.linalg.matrix_power(a, exponent), 50 * np.linalg.cond(a) ** abs(min(exponent, 0)))


@settings(max_examples=15, deadline=None)
@given(n=st.integers(0, 9), tile=st.integers(1, 5), exponent=st.integers(0, 40))
def test_matrix_power_of_a_permutation_is_exact(n, tile, exponent):
    p = np.eye(n)[:, np.random.default_rng(n).permutation(n)]
    x = np.asarray(nw.linalg.matrix_power(nw.asarray(p, chunks=tile), exponent))
    assert np.array_equal(x, np.linalg.matrix_power(p, exponent))


def test_matrix_power_of_awkward_input():
    a = random((6, 6), np.complex128)
    assert close(np.asarray(nw.linalg.matrix_power(nw.asarray(a, chunks=(4, 2)).T, 3)), np.linalg.matrix_power(a.T, 3))
    with pytest.raises(np.linalg.LinAlgError, match="singular"):
        nw.linalg.matrix_power(nw.asarray(np.zeros((4, 4)), chunks=2), -2)
    with pytest.raises(TypeError, match="integer"):
        nw.linalg.matrix_power(np.eye(2), 0.5)
    with pytest.raises(ValueError, match="square"):
        nw.linalg.matrix_power(np.ones((2, 3)), 2)


def test_an_exponential_that_overflows_is_not_finite():
    for dtype, largest in ((np.float64, 709.7), (np.float32, 88.7)):
        a = np.diag([largest, 1.0, 0.0]).astype(dtype)
        assert np.isfinite(np.asarray(nw.linalg.expm(nw.asarray(a, chunks=2)))).all()
        assert not np.isfinite(np.asarray(nw.linalg.expm(nw.asarray(2 * a, chunks=2)))).all()


def test_stacks():
    a = np.stack([positive_definite(5, np.float64, seed) / 5 for seed in range(3)])
    stack = nw.asarray(a, chunks=(1, 2, 2))
    assert np.allclose(np.asarray(nw.linalg.logdet(stack)), np.linalg.slogdet(a)[1])
    assert np.allclose(np.asarray(nw.linalg.matrix_power(stack, 3)), np.linalg.matrix_power(a, 3))
    assert np.allclose(np.asarray(nw.linalg.matrix_power(stack, -1)), np.linalg.inv(a))
    root = np.asarray(nw.linalg.sqrtm(stack))
    assert np.allclose(root @ root, a)
    assert np.allclose(np.asarray(nw.linalg.expm(stack)), scipy.linalg.expm(a))


@pytest.mark.parametrize("name", ["sqrtm", "expm", "logdet"])
def test_not_finite_and_not_square(name):
    a = np.eye(5)
    a[3, 1] = np.inf
    with pytest.raises(ValueError, match="infs or NaNs"):
        getattr(nw.linalg, name)(nw.asarray(a, chunks=2))
    with pytest.raises(ValueError, match="square"):
        getattr(nw.linalg, name)(np.ones((2, 3)))
