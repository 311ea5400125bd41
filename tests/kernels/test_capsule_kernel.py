from __future__ import annotations

import numpy as np
import pytest

from numpywren.kernels import blas
from numpywren.kernels.capsule import LETTERS, address, common_dtype, integer, routine


def test_every_precision_of_every_routine_is_there():
    for letter in LETTERS.values():
        for name in ("gemm", "trsm", "herk" if letter in "cz" else "syrk"):
            assert callable(routine("blas", letter + name))
        assert callable(routine("lapack", letter + "potrf"))


def test_unknown_routine():
    with pytest.raises(NotImplementedError, match=r"no dnonsense in scipy.linalg.cython_lapack"):
        routine("lapack", "dnonsense")


def test_arity_comes_from_the_signature():
    with pytest.raises(TypeError):
        routine("blas", "dgemm")(1, 2, 3)


@pytest.mark.parametrize("value", [-1, 2**31, 2**40])
def test_integers_that_do_not_fit_are_refused(value):
    with pytest.raises(OverflowError, match="smaller tiles"):
        integer(value)


def test_overflow_is_refused_before_the_call():
    c = np.zeros((1, 1))
    with pytest.raises(OverflowError, match="32-bit"):
        blas.gemm("d", "N", "N", 1, 1, 2**32 + 1, 1.0, address(c), 1, address(c), 1, 0.0, address(c), 1)


def test_common_dtype():
    half = np.ones(1, np.float16)
    with pytest.raises(TypeError, match="float16"):
        common_dtype(half)
    assert common_dtype(half, np.ones(1, np.float32)) == np.float32
    assert common_dtype(np.ones(1, ">f8")) == np.dtype(np.float64)
    assert common_dtype(np.ones(1, ">f8")).isnative
