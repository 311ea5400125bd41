"""The namespace that arrays name: what is in it does what the standard says, what is not says so."""

import numpy as np
import pytest

import numpywren as nw

pytestmark = pytest.mark.usefixtures("in_memory")


@pytest.fixture
def xp():
    return nw.zeros((2, 3)).__array_namespace__()


def test_versions(xp):
    for version in (None, "2021.12", "2024.12"):
        assert nw.zeros((2,)).__array_namespace__(api_version=version) is xp
    assert xp.__array_api_version__ == "2024.12"
    with pytest.raises(ValueError, match=r"2024\.12"):
        nw.zeros((2,)).__array_namespace__(api_version="1999.01")


def test_every_name_that_it_lists_is_there(xp):
    for name in dir(xp):
        assert getattr(xp, name) is not NotImplemented


@pytest.mark.parametrize("name", ["sin", "sum", "where", "int64", "fft", "take"])
def test_what_is_not_there_says_so(xp, name):
    assert not hasattr(xp, name)
    with pytest.raises(AttributeError, match=f"no '{name}' of the array API"):
        getattr(xp, name)


def test_linear_algebra_is_that_of_the_package(xp):
    assert xp.linalg is nw.linalg
    for name in ("matmul", "matrix_transpose", "tensordot", "vecdot"):
        assert getattr(xp, name) is getattr(nw.linalg, name)


def test_creation(xp):
    assert np.array_equal(np.asarray(xp.asarray([[1, 2], [3, 4]])), [[1.0, 2], [3, 4]])
    assert xp.asarray([1], dtype=xp.complex64).dtype == xp.complex64
    assert np.array_equal(np.asarray(xp.zeros(3)), np.zeros(3))
    assert np.array_equal(np.asarray(xp.ones((2, 3), dtype=xp.float32)), np.ones((2, 3), np.float32))
    assert np.array_equal(np.asarray(xp.full((2, 2), 1j)), np.full((2, 2), 1j))
    assert np.array_equal(np.asarray(xp.full(2, 7)), [7.0, 7.0])
    assert np.array_equal(np.asarray(xp.eye(3, 4, k=-1)), np.eye(3, 4, k=-1))
    for make in (xp.zeros, xp.ones):
        assert make((2,)).dtype == xp.float64
        assert make((2,), device="cpu").device == "cpu"
        with pytest.raises(ValueError, match="device"):
            make((2,), device="gpu")


def test_copies(xp):
    x = xp.ones((2, 2))
    for copy in (None, True, False):
        assert xp.asarray(x, copy=copy) is x
    with pytest.raises(ValueError, match="copy"):
        xp.asarray(np.ones(2), copy=False)
    with pytest.raises(ValueError, match="copy"):
        xp.asarray(x, dtype=xp.float32, copy=False)


def test_types(xp):
    x = xp.ones((2, 2), dtype=xp.float32)
    assert xp.result_type(x, xp.complex64) == xp.complex64
    assert xp.result_type(x, 1.0) == xp.float32
    assert xp.result_type(x, xp.float64, 1j) == xp.complex128
    assert xp.can_cast(x, xp.float64)
    assert not xp.can_cast(xp.complex64, xp.float64)
    assert xp.isdtype(x.dtype, "real floating")
    assert not xp.isdtype(x.dtype, ("complex floating", "integral"))
    assert xp.finfo(x).eps == xp.finfo(xp.float32).eps == np.finfo(np.float32).eps
    assert xp.astype(x, xp.complex128).dtype == xp.complex128
    assert xp.astype(x, xp.float32) is x


def test_shapes(xp):
    a = np.arange(24.0).reshape(2, 1, 3, 4)
    x = nw.asarray(a, chunks=2)
    assert np.array_equal(np.asarray(xp.reshape(x, (6, 4))), a.reshape(6, 4))
    assert np.array_equal(np.asarray(xp.permute_dims(x, (2, 0, 3, 1))), a.transpose(2, 0, 3, 1))
    assert np.array_equal(np.asarray(xp.broadcast_to(x, (2, 5, 3, 4))), np.broadcast_to(a, (2, 5, 3, 4)))
    assert np.array_equal(np.asarray(xp.squeeze(x, axis=1)), a.squeeze(1))
    assert np.array_equal(np.asarray(xp.expand_dims(x, axis=-2)), np.expand_dims(a, -2))
    assert xp.expand_dims(x).shape == (1, 2, 1, 3, 4)
    for source, destination in [(0, -1), ((0, 2), (-1, 0)), ((3, 1), (0, 1)), (2, 2)]:
        assert np.array_equal(np.asarray(xp.moveaxis(x, source, destination)), np.moveaxis(a, source, destination))
    one, two = xp.broadcast_arrays(x, xp.ones((7, 1, 4)))
    assert one.shape == two.shape == (2, 7, 3, 4)
    with pytest.raises(ValueError, match="length 1"):
        xp.squeeze(x, axis=0)
    with pytest.raises(ValueError, match="one place"):
        xp.moveaxis(x, (0, 1), (0,))


def test_arithmetic(xp):
    a = np.arange(6.0, dtype=np.float32).reshape(2, 3) + 1
    x = nw.asarray(a, chunks=2)
    assert np.array_equal(np.asarray(xp.add(x, x)), a + a)
    assert np.array_equal(np.asarray(xp.subtract(1, x)), 1 - a)
    assert xp.add(x, 2.5).dtype == np.float32
    assert xp.add(x, 2j).dtype == np.complex64
    assert np.array_equal(np.asarray(xp.negative(x)), -a)
    assert xp.positive(x) is x
    assert np.array_equal(np.asarray(xp.conj(xp.add(x, 2j))), a - 2j)
    with pytest.raises(TypeError, match=r"numpywren\.Array"):
        xp.add(1, 2)


def test_inspection(xp):
    info = xp.__array_namespace_info__()
    assert info.capabilities()["data-dependent shapes"] is False
    assert info.capabilities()["boolean indexing"] is False
    assert info.devices() == [info.default_device()] == ["cpu"]
    assert info.default_dtypes() == {"real floating": np.float64, "complex floating": np.complex128}
    assert set(info.dtypes()) == {"float32", "float64", "complex64", "complex128"}
    assert set(info.dtypes(kind="complex floating")) == {"complex64", "complex128"}
    assert info.dtypes(kind="integral") == {}


def test_devices():
    x = nw.zeros((2, 2))
    assert x.to_device("cpu") is x
    with pytest.raises(ValueError, match="gpu"):
        x.to_device("gpu")
