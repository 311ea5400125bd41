from __future__ import annotations

import numpy as np
import pytest

from numpywren.kernels.hermitian import asymmetry, check_hermitian, worst_asymmetry


def test_tiles_that_are_one_another_s_adjoint(draw, layout):
    a = draw(9, 300)
    found = asymmetry(layout(a), layout(a.conj().T.copy()))
    assert found.shape == (2, 1)
    assert found.dtype == a.dtype
    assert found[1, 0] == 0
    assert found[0, 0] == max(np.abs(a.real).max(), np.abs(a.imag).max())


@pytest.mark.parametrize("where", [(0, 0), (8, 299), (3, 130)])
def test_one_element_that_differs_is_found(draw, layout, where):
    a = draw(9, 300)
    b = a.conj().T.copy()
    a[where] += 100j if a.dtype.kind == "c" else 100
    assert asymmetry(layout(a), layout(b))[1, 0] == pytest.approx(100, rel=1e-5)
    with pytest.raises(np.linalg.LinAlgError, match="differs from its"):
        check_hermitian([np.zeros((2, 1), a.dtype), asymmetry(a, b)])


def test_what_rounding_explains_is_let_pass_and_nans_are_others_business(draw):
    a = draw(6, 6)
    a += a.conj().T
    noisy = a.copy()
    noisy[4, 1] *= 1 + 8 * np.finfo(a.dtype).eps
    assert check_hermitian([worst_asymmetry([asymmetry(noisy, noisy)])]).tolist() == [[0.0]]
    noisy[2, 3], noisy[0, 0] = np.nan, np.inf
    assert check_hermitian([asymmetry(noisy, noisy)]).dtype.kind == "f"
    assert check_hermitian([asymmetry(a[:0], a[:, :0])]).shape == (1, 1)


def test_the_largest_of_the_pieces_counts(draw):
    dtype = draw(1, 1).dtype
    pieces = [np.array([[5.0], [0.0]], dtype), np.array([[1.0], [2.0]], dtype)]
    assert worst_asymmetry(pieces).real.tolist() == [[5.0], [2.0]]


def test_tiles_that_do_not_fit():
    with pytest.raises(ValueError, match="transpose"):
        asymmetry(np.ones((2, 3)), np.ones((2, 3)))
