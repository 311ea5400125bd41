"""Principal components against NumPy's singular value decomposition of the centred matrix."""

import numpy as np
import pytest
from linalg.matrices import DTYPES, eps, random

import numpywren as nw
from numpywren.linalg import randomized

pytestmark = pytest.mark.usefixtures("in_memory")


@pytest.fixture(params=["rows", "tiles"])
def program(request, monkeypatch):
    if request.param == "tiles":
        monkeypatch.setattr(randomized, "worker_options", lambda: {"memory": 1, "slots": 1})


def data(shape, dtype, offset=100):
    """Features of falling variance far from zero."""
    x = random(shape, dtype).astype(np.result_type(dtype, np.float64))
    x *= 0.4 ** np.arange(shape[1])
    return (x + offset * random(shape[1], dtype, 9)).astype(dtype)


def reference(x):
    x = x.astype(np.result_type(x.dtype, np.float64))
    mean = x.mean(axis=0)
    s, vh = np.linalg.svd(x - mean, full_matrices=False)[1:]
    return mean, s, vh


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("shape", "chunks"), [((50, 12), 5), ((12, 30), (5, 7)), ((33, 33), 40), ((90, 4), (8, 4)), ((4, 90), (4, 8))]
)
def test_components(program, shape, chunks, dtype):
    x = data(shape, dtype)
    found = nw.linalg.pca(nw.asarray(x, chunks=chunks), 3, seed=0)
    components, variance, ratio, s, mean = map(np.asarray, found)
    wanted_mean, wanted_s, wanted_vh = reference(x)
    real = np.empty(0, dtype).real.dtype
    assert (components.dtype, mean.dtype) == (dtype, dtype)
    assert (variance.dtype, ratio.dtype, s.dtype) == (real, real, real)
    # the means are known up to the rounding of numbers a hundred times as large as what varies
    noise = 100 * eps(dtype) * np.sqrt(shape[0])
    assert np.allclose(mean, wanted_mean, atol=10 * noise)
    assert np.allclose(s, wanted_s[:3], atol=20 * noise + 20 * eps(dtype) * wanted_s[0])
    assert np.allclose(variance, wanted_s[:3] ** 2 / (shape[0] - 1), rtol=1000 * eps(dtype), atol=noise)
    assert np.allclose(ratio, wanted_s[:3] ** 2 / np.sum(wanted_s**2), rtol=1000 * eps(dtype), atol=noise)
    assert np.allclose(np.abs(np.sum(components * wanted_vh[:3].conj(), axis=1)), 1, atol=100 * noise)
    assert np.allclose(components @ components.conj().T, np.eye(3), atol=30 * eps(dtype))


def test_the_total_variance_is_exact(program):
    # a flat spectrum: ten components hold a part only, and the ratio must know the whole
    x = random((60, 40), np.float64) + 5
    found = nw.linalg.pca(nw.asarray(x, chunks=9), 10, n_oversamples=30, seed=0)
    share = np.asarray(found.explained_variance) / x.var(axis=0, ddof=1).sum()
    assert np.allclose(np.asarray(found.explained_variance_ratio), share, rtol=1e-13)
    assert share.sum() < 0.6


def test_means_much_larger_than_what_varies(program):
    x = random((40, 6), np.float64) * 0.5 ** np.arange(6) + 1e8
    for turned in (x, np.ascontiguousarray(x.T)):
        found = nw.linalg.pca(nw.asarray(turned, chunks=7), 3, seed=0)
        _, s, vh = reference(turned)
        assert np.allclose(np.asarray(found.singular_values), s[:3], rtol=1e-6)
        assert np.allclose(np.abs(np.sum(np.asarray(found.components) * vh[:3], axis=1)), 1, atol=1e-6)


def test_signs_and_scores():
    x = data((50, 12), np.float64)
    found = nw.linalg.pca(nw.asarray(x, chunks=9), 4, seed=0)
    components = np.asarray(found.components)
    assert np.all(components[np.arange(4), np.abs(components).argmax(axis=1)] > 0)
    scores = (x - np.asarray(found.mean)) @ components.conj().T
    assert np.allclose(scores.var(axis=0, ddof=1), np.asarray(found.explained_variance))
    assert np.allclose(np.cov(scores.T), np.diag(np.asarray(found.explained_variance)), atol=1e-12)


def test_nothing_varies(program):
    found = nw.linalg.pca(nw.asarray(np.full((9, 5), 3.0), chunks=4), 2, seed=0)
    assert np.array_equal(np.asarray(found.explained_variance), [0, 0])
    assert np.array_equal(np.asarray(found.explained_variance_ratio), [0, 0])
    assert np.array_equal(np.asarray(found.mean), np.full(5, 3.0))
    single = nw.linalg.pca(random((1, 5), np.float64), 1)
    assert np.asarray(single.explained_variance) == 0


def test_one_pass_more_than_the_singular_value_decomposition_and_nothing_large_written():
    A = nw.asarray(np.ones((60, 20)), chunks=7)
    request = nw.linalg.pca.request(A, 3, n_iter=2, seed=0)
    flow = request.program.bind({**request.sizes, "m": 9, "n": 3, "r": 1, "f": 3})
    reads = [tile for task in flow.tasks() for tile in flow.reads(task) if tile.matrix == "A"]
    assert len(reads) == 4 * 27


def test_arguments_that_mean_nothing():
    with pytest.raises(ValueError, match="n_components=7"):
        nw.linalg.pca(np.ones((8, 6)), 7)
    with pytest.raises(TypeError, match="n_components"):
        nw.linalg.pca(np.ones((8, 6)), 0.9)
    with pytest.raises(ValueError, match="one matrix"):
        nw.linalg.pca(np.ones((2, 8, 6)), 1)
    with pytest.raises(ValueError, match="infs or NaNs"):
        nw.linalg.pca(np.full((8, 6), np.inf), 1)
