"""Eigenpairs of tridiagonal matrices by the program, of those above all that deflate or nearly do."""

import itertools

import numpy as np
import pytest
import scipy.linalg
from hypothesis import given, settings
from hypothesis import strategies as st

from numpywren import algorithms
from numpywren.kernels.laed import laed2
from numpywren.kernels.stedc import tridiagonal
from numpywren.lambdapack import Dataflow, Tile
from numpywren.worker.evaluate import evaluate

DTYPES = [np.float32, np.float64]


def glued(n, glue, rng):
    """Copies of Wilkinson's matrix of order 21, which has eigenvalues in close pairs, joined by small elements."""
    d = np.resize(np.abs(np.arange(21) - 10.0), n)
    return d, np.where(np.arange(1, n) % 21 == 0, glue, 1.0)


#: Diagonal, and what is below it, for an order.
MATRICES = {
    "random": lambda n, rng: (rng.standard_normal(n), rng.standard_normal(n - 1)),
    "identity": lambda n, rng: (np.ones(n), np.zeros(n - 1)),
    "zero": lambda n, rng: (np.zeros(n), np.zeros(n - 1)),
    "laplace": lambda n, rng: (np.full(n, 2.0), np.full(n - 1, -1.0)),
    "wilkinson": lambda n, rng: (np.abs(np.arange(n) - n // 2) * 1.0, np.ones(n - 1)),
    "glued": lambda n, rng: glued(n, 1e-6, rng),
    "hardly glued": lambda n, rng: glued(n, 1e-14, rng),
    "graded": lambda n, rng: (np.logspace(0, -12, n), np.logspace(0, -12, n)[1:] / 2),
    "graded upwards": lambda n, rng: (np.logspace(-12, 0, n), np.logspace(-12, 0, n)[1:] / 2),
    "clustered": lambda n, rng: (1 + 1e-9 * rng.standard_normal(n), 1e-9 * rng.standard_normal(n - 1)),
    "at the precision": lambda n, rng: (1 + 3e-15 * rng.standard_normal(n), 3e-15 * rng.standard_normal(n - 1)),
    "two values": lambda n, rng: (np.arange(n) % 2 * 1.0, np.full(n - 1, 1e-17)),
    "signs": lambda n, rng: (np.zeros(n), (-1.0) ** np.arange(n - 1)),
    "huge": lambda n, rng: (1e30 * rng.standard_normal(n), 1e30 * rng.standard_normal(n - 1)),
    "tiny": lambda n, rng: (1e-30 * rng.standard_normal(n), 1e-30 * rng.standard_normal(n - 1)),
}


def run(d, e, levels, first, count, width):
    """Eigenvalues and eigenvectors, every task computed in turn."""
    n = len(d)
    band = np.zeros((2, n), d.dtype)
    band[0], band[1, : n - 1] = d, e
    strips = -(-count // width)
    sizes = {"k": strips, "one": 1, "levels": levels, "order": n, "first": first, "count": count, "width": width}
    flow = Dataflow(algorithms.stedc, sizes)
    cuts = [r * n // 2**levels for r in range(2**levels + 1)]
    pieces = [tridiagonal(band, band, start=start, stop=stop) for start, stop in itertools.pairwise(cuts)]
    tiles = {Tile("H", (r,)): piece for r, piece in enumerate(pieces)}
    for task in flow.tasks():
        targets = flow.writes(task)
        results = evaluate(flow.expression(task), tiles.__getitem__, len(targets), None, d.dtype)
        tiles.update(zip(targets, results, strict=True))
    w = np.concatenate([tiles[Tile("W", (j, 0))] for j in range(strips)])[:, 0]
    return w, np.block([[tiles[Tile("Z", (r, j))] for j in range(strips)] for r in range(2**levels)])


def errors(a, w, z):
    """‖A Z - Z W‖ / ‖A‖ and ‖Zᵀ Z - I‖, in double precision."""
    w, z = w.astype(float), z.astype(float)
    return np.linalg.norm(a @ z - z * w) / (np.linalg.norm(a, 2) or 1), np.linalg.norm(z.T @ z - np.eye(z.shape[1]))


def check(d, e, levels, first, count, width):
    """As accurate as LAPACK, within a factor of ten."""
    w, z = run(d, e, levels, first, count, width)
    assert w.dtype == z.dtype == d.dtype
    assert z.shape == (len(d), len(w)) == (len(d), count)
    assert np.all(np.diff(w) >= 0)
    a = (np.diag(d) + np.diag(e, 1) + np.diag(e, -1)).astype(float)
    peer_w, peer_z = scipy.linalg.eigh(a.astype(d.dtype), driver="evd")
    floor = 3 * np.finfo(d.dtype).eps * len(d) ** 0.5
    for mine, theirs in zip(errors(a, w, z), errors(a, peer_w, peer_z), strict=True):
        assert mine <= 10 * max(theirs, floor)
    assert np.abs(w.astype(float) - peer_w[first : first + count]).max(initial=0) <= 10 * floor * np.linalg.norm(a, 2)


@pytest.mark.parametrize("name", MATRICES)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("n", "levels"), [(2, 1), (5, 2), (63, 1), (90, 3)])
def test_families(name, dtype, n, levels):
    d, e = (x.astype(dtype) for x in MATRICES[name](n, np.random.default_rng(n)))
    check(d, e, levels, 0, n, n // 3 + 1)


@pytest.mark.parametrize("name", ["random", "identity", "glued", "clustered"])
@pytest.mark.parametrize(("first", "count", "width"), [(0, 1, 1), (12, 17, 5), (39, 1, 4), (3, 37, 37)])
def test_some_of_the_pairs(name, first, count, width):
    d, e = MATRICES[name](40, np.random.default_rng(1))
    check(d, e, 2, first, count, width)


@settings(max_examples=30, deadline=None)
@given(
    name=st.sampled_from(sorted(MATRICES)),
    dtype=st.sampled_from(DTYPES),
    levels=st.integers(1, 4),
    more=st.integers(0, 40),
    width=st.integers(1, 60),
    seed=st.integers(0, 1000),
)
def test_any_size_type_and_family(name, dtype, levels, more, width, seed):
    n = 2**levels + more
    d, e = (x.astype(dtype) for x in MATRICES[name](n, np.random.default_rng(seed)))
    check(d, e, levels, 0, n, width)


def test_what_deflates():
    def taking_part(name):
        d, e = MATRICES[name](210, np.random.default_rng(0))
        band, pieces, ends = np.array([d, [*e, 0]]), [], []
        for start in (0, 105):
            pieces.append(tridiagonal(band, band, start=start, stop=start + 105))
            w, z = np.linalg.eigh(np.diag(pieces[-1][:, 0]) + np.diag(pieces[-1][:104, 1], -1))
            ends.append(np.column_stack([w, z[0], z[-1], np.ones(105)]))
        _, integers = laed2(pieces[0], ends[:1], ends[1:])
        return int((integers[:, 3] < 0).sum())

    assert taking_part("identity") == 0
    assert taking_part("glued") < 105
    assert 0 < taking_part("random") < 150
    assert taking_part("laplace") >= 105
