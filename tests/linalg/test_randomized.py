"""Randomized singular value decomposition: as accurate as algorithms 4.4 and 5.1 of Halko, Martinsson and Tropp."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from linalg.matrices import DTYPES, eps, family, random

import numpywren as nw
from numpywren.job import execute
from numpywren.kernels.sketch import TYPES, gaussian
from numpywren.kernels.subspace import spectrum
from numpywren.linalg import randomized
from numpywren.linalg.randomized import randomized_svd_request

pytestmark = pytest.mark.usefixtures("in_memory")

DOUBLE = {"f": np.float64, "c": np.complex128}


@pytest.fixture(params=["rows", "tiles"])
def program(request, monkeypatch):
    """Each test with both programs: one row of tiles fits in a task, or does not."""
    if request.param == "tiles":
        monkeypatch.setattr(randomized, "worker_options", lambda: {"memory": 1, "slots": 1})
    return request.param


def rsvd(a, k, chunks=7, **options):
    return map(np.asarray, execute(randomized_svd_request(nw.asarray(a, chunks=chunks), k, **options)))


def omega(rows, width, dtype, seed):
    code = TYPES.index(np.dtype(dtype))
    return gaussian(seed=seed, part=0, chunk=rows, length=rows, width=width, code=code)


def halko(a, k, p, q, seed):
    """The algorithms as the paper has them, in double precision."""
    if a.shape[0] < a.shape[1]:
        u, s, vh = halko(a.conj().T, k, p, q, seed)
        return vh.conj().T, s, u.conj().T
    a = a.astype(DOUBLE[a.dtype.kind])
    y = a @ omega(a.shape[1], min(k + p, a.shape[1]), a.dtype, seed)
    basis = np.linalg.qr(y)[0]
    for _ in range(q):
        basis = np.linalg.qr(a @ np.linalg.qr(a.conj().T @ basis)[0])[0]
    u, s, vh = np.linalg.svd(basis.conj().T @ a, full_matrices=False)
    return basis @ u[:, :k], s[:k], vh[:k]


def with_spectrum(m, n, s, dtype, seed=0):
    u = np.linalg.qr(random((m, len(s)), DOUBLE[np.dtype(dtype).kind], seed))[0]
    v = np.linalg.qr(random((n, len(s)), DOUBLE[np.dtype(dtype).kind], seed + 1))[0]
    return ((u * s) @ v.conj().T).astype(dtype)


def check_orthonormal(u, vh, dtype):
    k = len(vh)
    assert np.linalg.norm(u.conj().T @ u - np.eye(k)) <= 10 * k * eps(dtype)
    assert np.linalg.norm(vh @ vh.conj().T - np.eye(k)) <= 10 * k * eps(dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(
    ("shape", "chunks"), [((60, 40), 16), ((40, 60), 16), ((37, 23), (5, 7)), ((90, 20), (11, 20)), ((20, 90), 100)]
)
def test_the_leading_part_is_found(program, shape, chunks, dtype):
    values = np.geomspace(1, 1e-8, min(shape))
    a = with_spectrum(*shape, values, dtype)
    u, s, vh = rsvd(a, 6, chunks, seed=1)
    assert u.dtype == vh.dtype == dtype
    assert s.dtype == np.empty(0, dtype).real.dtype
    assert (u.shape, s.shape, vh.shape) == ((shape[0], 6), (6,), (6, shape[1]))
    check_orthonormal(u, vh, dtype)
    true = np.linalg.svd(a.astype(DOUBLE[a.dtype.kind]), compute_uv=False)
    assert np.abs(s - true[:6]).max() <= 20 * eps(dtype)
    assert np.linalg.norm(a - (u * s) @ vh, 2) <= 1.001 * true[6] + 50 * eps(dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("n_iter", [1, 2, 3])
@pytest.mark.parametrize("shape", [(50, 30), (30, 50)])
def test_equal_to_the_paper_where_nothing_falls_off(program, shape, n_iter, dtype):
    # the hard case for a sketch: it finds only a part, and both must find the same part
    a = random(shape, dtype)
    u, s, vh = rsvd(a, 5, 8, n_oversamples=3, n_iter=n_iter, seed=7)
    wanted_u, wanted_s, wanted_vh = halko(a, 5, 3, n_iter, 7)
    tolerance = 300 * eps(dtype)
    assert np.allclose(s, wanted_s, rtol=tolerance)
    assert np.allclose(np.abs(np.sum(u.conj() * wanted_u, axis=0)), 1, atol=tolerance)
    assert np.allclose((u * s) @ vh, (wanted_u * wanted_s) @ wanted_vh, atol=30 * tolerance)


@pytest.mark.parametrize("scale", [1e-28, 1e-20, 1e20, 1e34])
@pytest.mark.parametrize("rank", [3, 30])
@pytest.mark.parametrize("dtype", [np.float32, np.complex64])
def test_numbers_near_the_ends_of_the_range(program, dtype, rank, scale):
    a = with_spectrum(50, 30, 0.5 ** np.arange(rank), dtype)
    exact = (a * dtype(scale)).astype(DOUBLE[a.dtype.kind]) / scale
    u, s, vh = rsvd(a * dtype(scale), 6, 8, n_iter=3, seed=7)
    check_orthonormal(u, vh, dtype)
    true = np.linalg.svd(exact, compute_uv=False)
    s = s.astype(np.float64) / scale
    assert np.abs(s - true[:6]).max() <= 50 * eps(dtype)
    assert np.linalg.norm(exact - (u * s) @ vh, 2) <= 1.01 * true[6] + 50 * eps(dtype)


def test_without_iterations(program):
    a = with_spectrum(50, 30, 0.5 ** np.arange(30), np.float64)
    u, s, vh = rsvd(a, 5, 8, n_iter=0, seed=7)
    error = np.linalg.norm(a - (u * s) @ vh, 2)
    wanted_u, wanted_s, wanted_vh = halko(a, 5, 10, 0, 7)
    assert error <= 1.01 * np.linalg.norm(a - (wanted_u * wanted_s) @ wanted_vh, 2)


@pytest.mark.parametrize("dtype", [np.float32, np.complex64, np.float64])
def test_small_singular_values_are_not_drowned(program, dtype):
    # AᴴA alone would lose what is below √ε: 3e-4 in single precision, 1e-8 in double
    floor = 1e-6 if eps(dtype) > 1e-10 else 1e-12
    values = np.geomspace(1, floor, 8)
    a = with_spectrum(64, 40, np.concatenate([values, np.full(32, floor / 100)]), dtype)
    u, s, vh = rsvd(a, 8, 9, n_iter=3, seed=3)
    true = np.linalg.svd(a.astype(DOUBLE[a.dtype.kind]), compute_uv=False)
    assert np.abs(s - true[:8]).max() <= 20 * eps(dtype)
    assert np.linalg.norm(a - (u * s) @ vh, 2) <= 1.5 * true[8] + 20 * eps(dtype)


@pytest.mark.parametrize(
    "name",
    ["graded", "rank_deficient", "ill_conditioned", "clustered", "repeated", "hilbert", "kahan", "zero", "identity"],
)
@pytest.mark.parametrize("dtype", [np.float64, np.complex64])
def test_families(program, name, dtype):
    a = family(name, 45, 33, dtype)
    u, s, vh = rsvd(a, 20, 8, n_iter=4, seed=5)
    check_orthonormal(u, vh, dtype)
    true = np.linalg.svd(a.astype(DOUBLE[a.dtype.kind]), compute_uv=False)
    scale = max(true[0], eps(dtype))
    assert np.linalg.norm(a - (u * s) @ vh, 2) <= 1.05 * true[20] + 50 * eps(dtype) * scale
    assert np.all(np.diff(s) <= 0)
    assert np.all(s <= true[:20] + 20 * eps(dtype) * scale)


@pytest.mark.parametrize("shape", [(9, 6), (6, 9), (1, 1), (1, 7), (7, 1), (5, 5)])
@pytest.mark.parametrize("dtype", [np.float32, np.complex128])
def test_a_sketch_as_wide_as_the_matrix_gives_all(program, shape, dtype):
    a = random(shape, dtype)
    k = min(shape)
    u, s, vh = rsvd(a, k, 2, seed=0)
    check_orthonormal(u, vh, dtype)
    assert np.allclose((u * s) @ vh, a, atol=30 * eps(dtype) * np.linalg.norm(a))


def test_rank_below_k(program):
    a = random((30, 3), np.complex128) @ random((3, 20), np.complex128, 1)
    u, s, vh = rsvd(a, 8, 7, seed=0)
    check_orthonormal(u, vh, np.complex128)
    assert np.all(s[3:] <= 100 * eps(np.float64) * s[0])
    assert np.allclose((u * s) @ vh, a, atol=1e-13 * s[0])


def test_the_largest_entry_of_the_shorter_vector_is_real_and_positive(program):
    for shape in [(30, 20), (20, 30)]:
        u, _, vh = rsvd(random(shape, np.complex128), 4, 7, seed=0)
        shorter = vh.conj().T if shape[0] > shape[1] else u
        largest = shorter[np.abs(shorter).argmax(axis=0), np.arange(4)]
        assert np.allclose(largest.imag, 0, atol=1e-15)
        assert np.all(largest.real > 0)


def test_views():
    a = random((30, 20), np.complex128)
    wanted = np.linalg.svd(a, compute_uv=False)[:3]
    for view in (nw.asarray(a, chunks=7).T, nw.asarray(a, chunks=7).H, nw.asarray(a, chunks=7).conj()):
        _, s, _ = execute(randomized_svd_request(view, 3, n_oversamples=20, seed=0))
        assert np.allclose(np.asarray(s), wanted)


def test_seeds(program):
    a = random((40, 30), np.float64)
    one, again, other = (list(rsvd(a, 4, 7, n_iter=1, seed=seed)) for seed in (1, 1, 2))
    assert all(np.array_equal(x, y) for x, y in zip(one, again, strict=True))
    assert not np.allclose(one[1], other[1], rtol=1e-8)
    cut = list(rsvd(a, 4, (13, 5), n_iter=1, seed=1))  # the same numbers are drawn for any grid
    assert np.allclose(one[1], cut[1], rtol=1e-12)
    assert np.allclose(one[2], cut[2], atol=1e-10)
    first, second = (list(rsvd(a, 4, 7, n_iter=1)) for _ in range(2))
    assert not np.allclose(first[1], second[1], rtol=1e-8)


def test_the_sketch_does_not_depend_on_the_grid():
    for code in range(4):
        whole = gaussian(seed=5, part=0, chunk=700, length=700, width=3, code=code)
        for chunk in (1000, 256, 100, 333):
            parts = [
                gaussian(seed=5, part=part, chunk=chunk, length=700, width=3, code=code)
                for part in range(-(-700 // chunk))
            ]
            assert np.array_equal(np.concatenate(parts), whole)
        assert abs(np.mean(np.abs(whole) ** 2) - 1) < 0.1
        assert abs(np.mean(whole)) < 0.1
        assert np.linalg.norm(whole[:256] - whole[256:512]) > 10


def test_each_tile_is_read_once_an_iteration_where_a_row_fits():
    A = nw.asarray(np.ones((60, 20)), chunks=7)
    for n_iter, passes in [(0, 2), (1, 2), (2, 3), (5, 6)]:
        request = randomized_svd_request(A, 3, n_iter=n_iter, seed=0)
        flow = request.program.bind({**request.sizes, "m": 9, "n": 3, "r": 1})
        reads = [tile for task in flow.tasks() for tile in flow.reads(task) if tile.matrix == "A"]
        assert len(reads) == passes * 27
        assert len(set(reads)) == 27


def test_a_wide_matrix_goes_by_tiles_and_a_narrow_one_by_rows(monkeypatch):
    monkeypatch.setattr(randomized, "worker_options", lambda: {"memory": 1 << 30, "slots": 2})
    narrow = nw.zeros((200_000, 4000), chunks=2048)
    assert randomized_svd_request(narrow, 50, seed=0).program.name == "gesvd_rows"
    assert randomized_svd_request(narrow.T, 50, seed=0).program.name == "gesvd_rows"
    wide = nw.zeros((200_000, 100_000), chunks=2048)
    assert randomized_svd_request(wide, 50, seed=0).program.name == "gesvd_tiles"


def test_where_the_triangle_cannot_be_divided_by_the_basis_is_projected_on():
    q = np.linalg.qr(random((9, 4), np.complex128))[0]
    r = np.triu(random((4, 4), np.complex128, 1))
    r[:, 2] = 0
    w, s, v = spectrum(random((9, 4), np.complex128, 2), q, r, rank=3)
    found, wanted = (w * s) @ v.conj().T, r @ q.conj().T  # P X^H with X = q r^H
    values = np.linalg.svd(wanted, compute_uv=False)
    assert np.allclose(s, values[:3])
    assert np.allclose(found, wanted, atol=1e-14 * values[0])  # the rank of r is 3


@settings(max_examples=15, deadline=None)
@given(
    m=st.integers(1, 40),
    n=st.integers(1, 40),
    tile=st.tuples(st.integers(1, 15), st.integers(1, 15)),
    dtype=st.sampled_from(DTYPES),
    data=st.data(),
)
def test_any_shape_and_grid(m, n, tile, dtype, data):
    k = data.draw(st.integers(1, min(m, n)))
    a = with_spectrum(m, n, 0.3 ** np.arange(min(m, n)), dtype)
    u, s, vh = rsvd(a, k, tile, n_oversamples=data.draw(st.integers(2, 10)), seed=data.draw(st.integers(0, 100)))
    check_orthonormal(u, vh, dtype)
    best = 0.3**k if k < min(m, n) else 0
    assert np.linalg.norm(a - (u * s) @ vh, 2) <= 1.1 * best + 50 * eps(dtype)


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"k": 0}, ValueError, "k=0"),
        ({"k": 5}, ValueError, "1 to 4"),
        ({"k": 2.5}, TypeError, "k=2.5"),
        ({"k": 2, "n_iter": -1}, ValueError, "n_iter=-1"),
        ({"k": 2, "n_oversamples": -1}, ValueError, "n_oversamples=-1"),
        ({"k": 2, "seed": -1}, ValueError, "seed=-1"),
        ({"k": 2, "seed": "x"}, TypeError, "seed='x'"),
    ],
)
def test_arguments_that_mean_nothing(options, error, text):
    with pytest.raises(error, match=text):
        randomized_svd_request(np.ones((4, 6)), **options)


def test_what_is_refused():
    with pytest.raises(ValueError, match="one matrix"):
        randomized_svd_request(np.ones((2, 4, 6)), 2)
    with pytest.raises(ValueError, match=r"k=1"):
        randomized_svd_request(np.ones((0, 6)), 1)
    with pytest.raises(ValueError, match="infs or NaNs"):
        execute(randomized_svd_request(np.full((4, 6), np.nan), 1))
    with pytest.raises(np.linalg.LinAlgError):
        execute(randomized_svd_request(np.full((4, 6), np.nan), 1, check_finite=False))
