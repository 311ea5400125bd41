"""What the standard says of shapes, types, stacks and values, on shapes drawn at random: NumPy is the measure.

Arrays have up to two leading axes, some of length 0 or 1, and matrices down to 0 × 0. Real parts of results are real.
"""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from linalg.matrices import DTYPES, eps, random

import numpywren as nw
from numpywren import linalg

pytestmark = pytest.mark.usefixtures("in_memory")

stacks = st.sampled_from([(), (1,), (2,), (0,), (2, 1), (1, 3), (2, 0)])
dtypes = st.sampled_from(DTYPES)
lengths = st.integers(0, 6)
some = settings(max_examples=12, deadline=None)


def tiled(a, tile):
    cut = (tile, tile + 1)[: min(2, a.ndim)]
    return nw.asarray(a, chunks=(1,) * (a.ndim - len(cut)) + cut)


def real(dtype):
    return np.empty(0, dtype).real.dtype


def is_like(found, shape, dtype):
    """A result as a NumPy array, if it has this shape and type."""
    found = np.asarray(found)
    assert found.shape == shape
    assert found.dtype == dtype
    return found


def close(found, wanted, scale=1.0):
    bound = 300 * eps(wanted.dtype) * max(scale, np.abs(wanted).max(initial=0.0))
    assert np.abs(found - wanted).max(initial=0.0) <= bound


def well_conditioned(shape, dtype, seed=0):
    return (random(shape, dtype, seed) / 4 + 2 * np.eye(*shape[-2:])).astype(dtype)


def hermitian(shape, dtype):
    a = random(shape, dtype)
    return ((a + a.conj().mT) / 2).astype(dtype)


def definite(shape, dtype):
    a = random(shape, dtype)
    return (a @ a.conj().mT + shape[-1] * np.eye(shape[-1])).astype(dtype)


square = given(stack=stacks, n=lengths, dtype=dtypes, tile=st.integers(1, 4))
rectangular = given(stack=stacks, m=lengths, n=lengths, dtype=dtypes, tile=st.integers(1, 4))


@some
@square
def test_cholesky(stack, n, dtype, tile):
    a = definite((*stack, n, n), dtype)
    for upper in (False, True):
        factor = is_like(linalg.cholesky(tiled(a, tile), upper=upper), a.shape, a.dtype)
        close(factor.conj().mT @ factor if upper else factor @ factor.conj().mT, a)
        assert np.array_equal(factor, np.triu(factor) if upper else np.tril(factor))


@some
@square
def test_determinants(stack, n, dtype, tile):
    a = well_conditioned((*stack, n, n), dtype)
    close(is_like(linalg.det(tiled(a, tile)), stack, a.dtype), np.linalg.det(a))
    sign, logabsdet = linalg.slogdet(tiled(a, tile))
    close(is_like(sign, stack, a.dtype), np.linalg.slogdet(a).sign)
    close(is_like(logabsdet, stack, real(dtype)), np.linalg.slogdet(a).logabsdet)


def test_singular_determinants():
    a = np.array([[[1.0, 2], [2, 4]], [[0, 0], [0, 0]], [[0, 1], [1, 0]]])
    assert np.array_equal(np.asarray(linalg.det(tiled(a, 1))), [0, 0, -1])
    sign, logabsdet = map(np.asarray, linalg.slogdet(tiled(a, 1)))
    assert np.array_equal(sign, [0, 0, -1])
    assert np.array_equal(logabsdet, [-np.inf, -np.inf, 0])


@some
@square
def test_inverses_and_powers(stack, n, dtype, tile):
    a = well_conditioned((*stack, n, n), dtype)
    close(is_like(linalg.inv(tiled(a, tile)), a.shape, a.dtype), np.linalg.inv(a))
    for power in (-2, 0, 1, 3):
        close(is_like(linalg.matrix_power(tiled(a, tile), power), a.shape, a.dtype), np.linalg.matrix_power(a, power))


@some
@given(
    one=stacks, two=stacks, n=lengths, k=lengths, types=st.tuples(dtypes, dtypes), tile=st.integers(1, 4), d=st.data()
)
def test_solve(one, two, n, k, types, tile, d):
    a = well_conditioned((*one, n, n), types[0])
    if d.draw(st.booleans()):
        b = random(n, types[1], 1)  # a vector, whatever the stack
        stack = one
        wanted = np.linalg.solve(a, np.broadcast_to(b[:, None], (*one, n, 1)))[..., 0]
    else:
        two = two if d.draw(st.booleans()) else one
        try:
            stack = np.broadcast_shapes(one, two)
        except ValueError:
            with pytest.raises(ValueError, match="broadcast"):
                linalg.solve(tiled(a, tile), np.ones((*two, n, k)))
            return
        b = random((*two, n, k), types[1], 1)
        wanted = np.linalg.solve(a, b)
    found = is_like(
        linalg.solve(tiled(a, tile), tiled(b, tile)),
        (*stack, *b.shape[b.ndim - (1 if b.ndim == 1 else 2) :]),
        np.result_type(*types),
    )
    close(found, wanted.astype(found.dtype))


@some
@square
def test_eigenvalues(stack, n, dtype, tile):
    a = hermitian((*stack, n, n), dtype)
    values, vectors = linalg.eigh(tiled(a, tile))
    values, vectors = is_like(values, (*stack, n), real(dtype)), is_like(vectors, a.shape, a.dtype)
    close(values, np.linalg.eigvalsh(a))
    close(a @ vectors, vectors * values[..., None, :], scale=n)
    close(vectors.conj().mT @ vectors, np.broadcast_to(np.eye(n, dtype=dtype), a.shape))
    close(is_like(linalg.eigvalsh(tiled(a, tile)), (*stack, n), real(dtype)), values)


@some
@rectangular
def test_singular_values(stack, m, n, dtype, tile):
    a = random((*stack, m, n), dtype)
    k = min(m, n)
    for full in (True, False):
        u, s, vh = linalg.svd(tiled(a, tile), full_matrices=full)
        u = is_like(u, (*stack, m, m if full else k), a.dtype)
        s = is_like(s, (*stack, k), real(dtype))
        vh = is_like(vh, (*stack, n if full else k, n), a.dtype)
        close((u[..., :k] * s[..., None, :]) @ vh[..., :k, :], a)
        close(u.conj().mT @ u, np.broadcast_to(np.eye(u.shape[-1], dtype=dtype), (*stack, u.shape[-1], u.shape[-1])))
        close(vh @ vh.conj().mT, np.broadcast_to(np.eye(vh.shape[-2], dtype=dtype), (*stack, *vh.shape[-2:-1] * 2)))
        assert np.all(s[..., :-1] >= s[..., 1:])
    close(is_like(linalg.svdvals(tiled(a, tile)), (*stack, k), real(dtype)), np.linalg.svdvals(a))


@some
@rectangular
def test_qr(stack, m, n, dtype, tile):
    a = random((*stack, m, n), dtype)
    for mode, width in (("reduced", min(m, n)), ("complete", m)):
        q, r = linalg.qr(tiled(a, tile), mode=mode)
        q, r = is_like(q, (*stack, m, width), a.dtype), is_like(r, (*stack, width, n), a.dtype)
        close(q @ r, a)
        close(q.conj().mT @ q, np.broadcast_to(np.eye(width, dtype=dtype), (*stack, width, width)))
        assert np.array_equal(r, np.triu(r))


@some
@rectangular
def test_ranks_and_pseudoinverses(stack, m, n, dtype, tile):
    a = random((*stack, m, min(m, n) // 2), dtype) @ random((*stack, min(m, n) // 2, n), dtype, 1)
    found = np.asarray(linalg.matrix_rank(tiled(a, tile)))
    assert found.shape == stack
    assert found.dtype.kind == "i"
    assert np.array_equal(found, np.full(stack, min(m, n) // 2))
    inverse = is_like(linalg.pinv(tiled(a, tile)), (*stack, n, m), a.dtype)
    close(a @ inverse @ a, a, scale=30 * np.abs(inverse).max(initial=0) * np.abs(a).max(initial=1) ** 2)


@some
@rectangular
def test_matrix_norms(stack, m, n, dtype, tile):
    a = random((*stack, m, n), dtype)
    for ord in ("fro", "nuc", 1, -1, 2, -2, np.inf, -np.inf):
        for keepdims in (False, True):
            found = linalg.matrix_norm(tiled(a, tile), ord=ord, keepdims=keepdims)
            found = is_like(found, (*stack, 1, 1) if keepdims else stack, real(dtype))
            if m and n:
                close(found, np.linalg.matrix_norm(a, ord=ord, keepdims=keepdims).astype(real(dtype)))


@some
@given(stack=stacks, m=lengths, n=lengths, dtype=dtypes, tile=st.integers(1, 4), offset=st.integers(-8, 8))
def test_diagonals_traces_and_transposes(stack, m, n, dtype, tile, offset):
    a = random((*stack, m, n), dtype)
    length = max(0, min(m + min(offset, 0), n - max(offset, 0)))
    diagonal = is_like(linalg.diagonal(tiled(a, tile), offset=offset), (*stack, length), a.dtype)
    if length:
        assert np.array_equal(diagonal, np.linalg.diagonal(a, offset=offset))
    close(is_like(linalg.trace(tiled(a, tile), offset=offset), stack, a.dtype), diagonal.sum(axis=-1))
    wider = np.result_type(dtype, np.float64)
    is_like(linalg.trace(tiled(a, tile), offset=offset, dtype=wider), stack, wider)
    assert np.array_equal(is_like(linalg.matrix_transpose(tiled(a, tile)), (*stack, n, m), a.dtype), a.mT)


#: Functions of one argument, by what their matrices must be.
OF_ONE = {
    "cholesky": definite,
    "det": well_conditioned,
    "diagonal": random,
    "eigvalsh": hermitian,
    "inv": well_conditioned,
    "matrix_norm": random,
    "matrix_rank": random,
    "matrix_transpose": random,
    "pinv": well_conditioned,
    "svdvals": random,
    "trace": random,
}


@pytest.mark.parametrize("name", OF_ONE)
def test_a_stack_is_its_matrices(name):
    a = OF_ONE[name]((2, 3, 5, 5), np.complex128)
    function = getattr(linalg, name)
    whole = np.asarray(function(tiled(a, 2)))
    for place in np.ndindex(2, 3):
        assert np.allclose(whole[place], np.asarray(function(tiled(a[place], 2))), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("name", ["cholesky", "det", "eigh", "eigvalsh", "inv", "slogdet"])
def test_matrices_that_are_not_square(name):
    with pytest.raises(ValueError, match="square"):
        getattr(linalg, name)(np.ones((2, 3, 4)))


@pytest.mark.parametrize(
    "name", ["cholesky", "det", "diagonal", "eigh", "matrix_norm", "matrix_transpose", "pinv", "qr", "svd", "trace"]
)
def test_vectors_where_matrices_are_wanted(name):
    with pytest.raises(ValueError, match="dimension"):
        getattr(linalg, name)(np.ones(3))


@pytest.mark.parametrize("name", ["det", "inv", "svdvals", "trace", "matrix_norm"])
def test_integers_and_bools_are_computed_with_as_float64(name):
    found = np.asarray(getattr(linalg, name)(np.array([[2, 1], [1, 3]])))
    assert found.dtype == np.float64
    assert np.allclose(found, getattr(np.linalg, name)(np.array([[2.0, 1], [1, 3]])))
