"""`eigh` and `eigvalsh` beside LAPACK."""

import numpy as np
import pytest
import scipy.linalg
from hypothesis import given, settings
from hypothesis import strategies as st
from linalg.matrices import DTYPES, FAMILIES, eps, hermitian_family, random

import numpywren as nw
from numpywren.linalg import eigen
from numpywren.linalg.eigen import two_stages, vector_sizes


def errors(a, w, v):
    """‖A V - V Λ‖ / ‖A‖ and ‖Vᴴ V - I‖."""
    norm = np.linalg.norm(a) or 1.0
    return np.linalg.norm(a @ v - v * w) / norm, np.linalg.norm(v.conj().T @ v - np.eye(v.shape[1]))


def check(a, w, v, first=0):
    """As accurate as LAPACK on the same matrix, within a factor of ten."""
    assert w.dtype == a.real.dtype
    assert v.dtype == a.dtype
    assert v.shape == (len(a), len(w))
    assert np.all(np.diff(w) >= 0)
    peer_w, peer_v = scipy.linalg.eigh(a, driver="evd") if len(a) else (np.zeros(0), np.zeros((0, 0)))
    floor = 3 * eps(a.dtype) * max(1, len(a)) ** 0.5
    for mine, theirs in zip(errors(a, w, v), errors(a, peer_w, peer_v), strict=True):
        assert mine <= 10 * max(theirs, floor)
    assert np.abs(w - peer_w[first : first + len(w)]).max(initial=0) <= 10 * eps(a.dtype) * np.linalg.norm(a)


def solved(a, chunks, **options):
    w, v = nw.linalg.eigh(nw.asarray(a, chunks=chunks), **options)
    return np.asarray(w), np.asarray(v)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("n", "tile"), [(1, 1), (2, 1), (3, 1), (5, 8), (7, 3), (9, 2), (12, 5), (27, 4), (33, 16)])
def test_any_grid(n, tile, dtype):
    a = hermitian_family("random", n, dtype)
    check(a, *solved(a, tile))


@pytest.mark.parametrize("name", [name for name in FAMILIES if name != "random"])
@pytest.mark.parametrize(("n", "dtype"), [(25, np.float64), (14, np.complex64)])
def test_families(name, n, dtype):
    a = hermitian_family(name, n, dtype)
    w, v = solved(a, 5)
    check(a, w, v)
    values = np.asarray(nw.linalg.eigvalsh(nw.asarray(a, chunks=5)))
    assert values.dtype == w.dtype
    assert np.abs(values - w).max() <= 10 * eps(dtype) * np.linalg.norm(a)


@pytest.mark.parametrize("dtype", [np.float32, np.complex128])
def test_a_band_of_many_panels_and_hops(dtype):
    a = hermitian_family("random", 150, dtype)
    check(a, *solved(a, 32))


@pytest.mark.parametrize("dtype", [np.float64, np.complex64])
@pytest.mark.parametrize("count", [20, 60])
def test_in_little_memory(count, dtype):
    n, tile = 60, 4
    a = hermitian_family("random", n, dtype)
    with nw.config.set({"worker.slots": 4, "worker.memory": 36 * n * n}):
        sizes, _ = vector_sizes(n, tile, count, a.itemsize)
        check(a, *solved(a, tile, subset_by_index=(0, count - 1)))
    assert sizes["depth"] < n // tile
    assert sizes["held"] < sizes["groups"]


def test_no_task_holds_all_vectors(monkeypatch):
    monkeypatch.setattr(eigen, "PIECE", 12)
    n = 96
    a = hermitian_family("random", n, np.float64)
    # as much as the vectors and LAPACK's work space would take, with nothing left for reading and writing
    with nw.config.set({"worker.slots": 2, "worker.memory": 16 * n * n}):
        check(a, *solved(a, 8))


@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize(("n", "piece", "dtype"), [(40, 9, np.float64), (23, 3, np.complex64), (11, 2, np.float32)])
def test_many_levels_of_divide_and_conquer(monkeypatch, name, n, piece, dtype):
    monkeypatch.setattr(eigen, "PIECE", piece)
    a = hermitian_family(name, n, dtype)
    assert vector_sizes(n, 6, n, a.itemsize)[0]["levels"] >= 3
    check(a, *solved(a, 6))
    check(a, *solved(a, 6, subset_by_index=(2, n - 4)), first=2)


@pytest.mark.parametrize("n", [2, 3, 1024, 1025, 4096, 4097, 100_000])
def test_no_piece_is_empty_or_too_long(n):
    pieces = 2 ** vector_sizes(n, 500, n, 8)[0]["levels"] if n > 500 else 2
    assert 2 <= pieces <= n
    assert pieces == 2 or n / pieces <= eigen.PIECE < 2 * n / pieces


def test_a_diagonal_matrix_is_sorted():
    d = random((17,), np.float64)
    w, v = solved(np.diag(d), 4)
    assert np.array_equal(w, np.sort(d))
    assert np.array_equal(np.abs(v), np.eye(17)[:, np.argsort(d)])


@pytest.mark.parametrize("scale", [1e-290, 1e290])
def test_tiny_and_huge(scale):
    a = hermitian_family("random", 12, np.float64)
    w, v = solved(a * scale, 3)
    check(a, w / scale, v)


@pytest.mark.parametrize(("tile", "subset"), [(20, (3, 7)), (4, (0, 0)), (4, (19, 19)), (4, (5, 16)), (6, (0, 19))])
def test_subset(tile, subset):
    a = hermitian_family("random", 20, np.complex128)
    low, high = subset
    w, v = solved(a, tile, subset_by_index=subset)
    assert w.shape == (high - low + 1,)
    check(a, w, v, low)
    values = np.asarray(nw.linalg.eigvalsh(nw.asarray(a, chunks=tile), subset_by_index=subset))
    assert np.abs(values - w).max() <= 10 * eps(a.dtype) * np.linalg.norm(a)


@pytest.mark.parametrize("subset", [(-1, 2), (2, 1), (0, 5)])
def test_no_such_eigenvalues(subset):
    with pytest.raises(ValueError, match="subset_by_index"):
        nw.linalg.eigh(np.eye(5), subset_by_index=subset)
    with pytest.raises(ValueError, match="subset_by_index"):
        nw.linalg.eigvalsh(np.eye(5), subset_by_index=subset)


@pytest.mark.parametrize("tile", [4, 11])
@pytest.mark.parametrize("dtype", [np.float64, np.complex64])
def test_only_the_asked_triangle_is_read(tile, dtype):
    a = hermitian_family("random", 11, dtype)
    rubbish = random((11, 11), dtype, seed=5)
    check(a, *solved(np.tril(a) + np.triu(rubbish, 1), tile))
    check(a, *solved(np.triu(a) + np.tril(rubbish, -1), tile, upper=True))
    upper = nw.linalg.eigvalsh(nw.asarray(np.triu(a), chunks=tile), upper=True)
    assert np.allclose(np.asarray(upper), np.linalg.eigvalsh(a), atol=20 * eps(dtype) * np.linalg.norm(a))


def test_views_and_awkward_chunks():
    a = hermitian_family("random", 13, np.complex128)
    check(a, *solved(a, (3, 5)))
    w, v = nw.linalg.eigh(nw.asarray(a.conj().copy(), chunks=4).T)
    check(a, np.asarray(w), np.asarray(v))


def test_a_stack():
    a = np.stack([hermitian_family("random", 9, np.float64, seed) for seed in range(3)])
    w, v = nw.linalg.eigh(nw.asarray(a, chunks=(1, 4, 4)))
    values = np.asarray(nw.linalg.eigvalsh(nw.asarray(a, chunks=(1, 4, 4))))
    for one, w_one, v_one, alone in zip(a, np.asarray(w), np.asarray(v), values, strict=True):
        check(one, w_one, v_one)
        assert np.allclose(alone, w_one)


def test_empty_and_integers():
    w, v = nw.linalg.eigh(np.zeros((0, 0), np.complex64))
    assert (w.shape, v.shape, w.dtype, v.dtype) == ((0,), (0, 0), np.float32, np.complex64)
    assert nw.linalg.eigvalsh(np.zeros((0, 0))).shape == (0,)
    result = nw.linalg.eigh(np.array([[2, 1], [1, 2]]))
    assert result._fields == ("eigenvalues", "eigenvectors")
    assert type(result).__name__ == "EighResult"
    assert np.allclose(np.asarray(result.eigenvalues), [1, 3])


@pytest.mark.parametrize("tile", [3, 8])
@pytest.mark.parametrize("name", ["eigh", "eigvalsh"])
def test_not_finite(name, tile):
    a = hermitian_family("random", 8, np.float64)
    a[6, 1] = np.nan
    call = getattr(nw.linalg, name)
    with pytest.raises(ValueError, match="infs or NaNs"):
        call(nw.asarray(a, chunks=tile))
    with pytest.raises(np.linalg.LinAlgError, match="did not converge"):
        call(nw.asarray(a, chunks=tile), check_finite=False)


def test_not_square():
    with pytest.raises(ValueError, match=r"\(3, 4\).*square"):
        nw.linalg.eigh(np.ones((3, 4)))
    with pytest.raises(ValueError, match=r"\(3, 4\).*square"):
        nw.linalg.eigvalsh(np.ones((3, 4)))


@settings(max_examples=12, deadline=None)
@given(
    n=st.integers(0, 18),
    tile=st.integers(1, 12),
    dtype=st.sampled_from(DTYPES),
    name=st.sampled_from(FAMILIES),
    seed=st.integers(0, 1000),
)
def test_any_size_tile_type_and_family(n, tile, dtype, name, seed):
    a = hermitian_family(name, n, dtype, seed)
    check(a, *solved(a, tile))


@pytest.mark.parametrize("n", [2, 5, 100, 1024, 1025, 4096, 60_000, 400_000])
@pytest.mark.parametrize("chunk", [1, 2, 3, 7, 64, 500, 512, 2048, 500_000])
def test_tiles_are_whole_numbers_of_panels(n, chunk):
    stages = two_stages(n, chunk, 8)
    if stages is None:
        assert n <= min(chunk, 1024)
        return
    sizes = stages.sizes
    assert stages.cut.chunk == sizes["ratio"] * sizes["band"] <= max(chunk, 1)
    assert sizes["ratio"] >= 2 or stages.cut.chunk == 1
    assert (sizes["panels"] - 1) * sizes["band"] < n <= sizes["panels"] * sizes["band"]
    assert (sizes["groups"] - 1) * sizes["group"] < n - 1 <= sizes["groups"] * sizes["group"]


@pytest.mark.parametrize("subset", [2, (0, 1, 2), (0.5, 1), ("0", 1)])
def test_a_subset_is_two_integers(subset):
    with pytest.raises(TypeError, match=r"eigvalsh got subset_by_index=.*wants two integers"):
        nw.linalg.eigvalsh(np.eye(4), subset_by_index=subset)
