from __future__ import annotations

import numpy as np
import pytest

from numpywren.kernels.elementwise import add, multiply, scale, subtract, zeros


@pytest.mark.parametrize(("kernel", "ufunc"), [(add, np.add), (subtract, np.subtract), (multiply, np.multiply)])
@pytest.mark.parametrize("shape", [(4, 7), (1, 1), (0, 3), (5,)])
def test_pairs_in_every_layout(draw, layout, kernel, ufunc, shape):
    a, b = draw(*shape), draw(*shape)
    c = kernel(layout(a), layout(b))
    assert c.flags.f_contiguous
    assert c.dtype == a.dtype
    # NumPy rounds a complex product differently in its vector and scalar loops, and strides choose between them.
    np.testing.assert_allclose(c, ufunc(a, b), rtol=0 if a.dtype.kind == "f" else 4 * np.finfo(a.dtype).eps)
    assert not np.shares_memory(c, a)


@pytest.mark.parametrize("kernel", [add, subtract, multiply])
def test_pairs_are_not_broadcast(draw, kernel):
    with pytest.raises(ValueError, match="equal shapes"):
        kernel(draw(3, 3), draw(3, 1))
    assert kernel.shape((2, 3), (2, 3)) == (2, 3)
    assert kernel.flops((2, 3), (2, 3)) == 6


def test_scale(draw, layout):
    a = draw(4, 5)
    c = scale(layout(a), factor=-2.5)
    assert c.flags.f_contiguous
    assert c.dtype == a.dtype
    assert np.array_equal(c, (-2.5 * a).astype(a.dtype))


def test_scale_by_a_complex_number():
    a = np.ones((2, 2))
    assert np.array_equal(scale(a.astype(complex), factor=1j), 1j * a)
    assert np.array_equal(scale(a, factor=2 + 0j), 2 * a)
    with pytest.raises(TypeError, match="complex number"):
        scale(a, factor=1j)


def test_zeros(draw):
    a = draw(3, 2)
    z = zeros(a)
    assert z.dtype == a.dtype
    assert np.array_equal(z, np.zeros((3, 2)))
