"""Functions of a matrix, called with stacks of them."""

import numpy as np
import pytest
from linalg.matrices import positive_definite, random

import numpywren as nw
from numpywren import algorithms
from numpywren.job import Request, Returned, execute
from numpywren.matrix import Partition


def stack_of(shape, n):
    return np.stack([positive_definite(n, np.float64, seed) for seed in range(int(np.prod(shape)))]).reshape(
        *shape, n, n
    )


@pytest.mark.parametrize("shape", [(3,), (2, 2), (1,), (0,), (2, 0)])
@pytest.mark.parametrize(("n", "tile"), [(5, 2), (4, 8), (1, 1)])
def test_cholesky_of_a_stack(shape, n, tile):
    a = stack_of(shape, n) if 0 not in shape else np.zeros((*shape, n, n))
    L = nw.linalg.cholesky(nw.asarray(a, chunks=(*(1 for _ in shape), tile, tile)))
    assert L.shape == a.shape
    assert L.chunks[: len(shape)] == (1,) * len(shape)
    np.testing.assert_allclose(np.asarray(L), np.linalg.cholesky(a), rtol=1e-12, atol=1e-12)


def test_a_result_stored_transposed():
    a = stack_of((3,), 5)
    U = nw.linalg.cholesky(nw.asarray(a, chunks=(1, 2, 2)), upper=True)
    np.testing.assert_allclose(np.asarray(U), np.swapaxes(np.linalg.cholesky(a), -1, -2), atol=1e-12)


@pytest.mark.parametrize(
    ("left", "right"), [((2, 3), (2, 3)), ((2, 3), (3,)), ((1, 3), (2, 1)), ((), (4,)), ((0,), (1,))]
)
def test_leading_axes_are_broadcast(left, right):
    a, b = random((*left, 5, 4), np.float64), random((*right, 4, 3), np.float64, 1)
    request = Request(
        "matmul",
        algorithms.gemm,
        {"A": nw.asarray(a), "B": nw.asarray(b)},
        (Returned("C"),),
        sizes={"splits": 1},
    )
    np.testing.assert_allclose(np.asarray(execute(request)), a @ b, atol=1e-12)


def test_leading_axes_that_do_not_fit():
    a, b = np.ones((2, 5, 4)), np.ones((3, 4, 3))
    request = Request(
        "matmul", algorithms.gemm, {"A": nw.asarray(a), "B": nw.asarray(b)}, (Returned("C"),), sizes={"splits": 1}
    )
    with pytest.raises(ValueError, match=r"matmul got A of shape \(2, 5, 4\), B of shape \(3, 4, 3\); their leading"):
        execute(request)


def test_scalars_of_a_stack_are_an_array():
    a = random((2, 3, 5, 4), np.complex64)
    request = Request(
        "norm", algorithms.norm_fro, {"A": nw.asarray(a, chunks=(1, 1, 2, 2))},
        (Returned("N", scalar=True, real=True),), cuts={"one": Partition(1, 1)},
    )  # fmt: skip
    norms = execute(request)
    assert norms.shape == (2, 3)
    assert norms.dtype == np.float32
    np.testing.assert_allclose(norms, np.linalg.norm(a, axis=(-2, -1)), rtol=1e-5)


def test_vectors_of_a_stack():
    a = random((2, 5, 4), np.float64)
    request = Request(
        "diagonal", algorithms.diagonal, {"A": nw.asarray(a)}, (Returned("D"),), sizes={"skip": 0, "offset": 0},
        cuts={"m": Partition(5, 2), "n": Partition(4, 2), "d": Partition(4, 2), "one": Partition(1, 1)},
        vectors=frozenset({"D"}),
    )  # fmt: skip
    np.testing.assert_array_equal(np.asarray(execute(request)), np.diagonal(a, axis1=-2, axis2=-1))
