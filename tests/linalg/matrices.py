"""Matrices and grids on which every function is tried; one row of a table each."""

import numpy as np

DTYPES = [np.float32, np.float64, np.complex64, np.complex128]

#: (order, tile) pairs: whole tiles, ragged edges, one tile, tiles larger than the matrix, single elements.
GRIDS = [(1, 1), (1, 4), (2, 1), (5, 8), (7, 3), (8, 4), (9, 2), (12, 5), (27, 3), (33, 8)]


def rng(seed=0):
    return np.random.default_rng(seed)


def random(shape, dtype, seed=0):
    """Entries of the standard normal distribution, complex where the dtype is."""
    source = rng(seed)
    real = source.standard_normal(shape)
    if np.dtype(dtype).kind == "c":
        real = real + 1j * source.standard_normal(shape)
    return real.astype(dtype)


def positive_definite(n, dtype, seed=0):
    """Well conditioned, Hermitian."""
    a = random((n, n), dtype, seed)
    return (a @ a.conj().T + n * np.eye(n)).astype(dtype)


def hilbert_like(n, dtype):
    """Ill conditioned, positive definite: a Matérn covariance with a tiny nugget."""
    x = np.sort(rng(3).random(n))
    d = np.abs(x[:, None] - x[None, :]) / 0.3
    return ((1 + d) * np.exp(-d) + 1e3 * np.finfo(dtype).eps * np.eye(n)).astype(dtype)


def triangular(n, dtype, lower, seed=0):
    """Well conditioned, with rubbish in the other triangle that nobody may read."""
    a = random((n, n), dtype, seed) / max(n, 1)
    a += 2 * np.eye(n, dtype=dtype)
    return a


def eps(dtype):
    return float(np.finfo(dtype).eps)


#: Names of the families of `family` and `hermitian_family`: what factorizations must get right beside the easy case.
FAMILIES = (
    "random",
    "graded",
    "rank_deficient",
    "ill_conditioned",
    "clustered",
    "repeated",
    "hilbert",
    "kahan",
    "wilkinson",
    "zero",
    "identity",
)


def family(name, m, n, dtype, seed=0):
    """An m × n matrix of one of the `FAMILIES`; `seed` is a number or a generator.

    random: standard normal. graded: rows and columns fall from 1 to √ε. rank_deficient: rank min(m, n) // 2 up to
    rounding. ill_conditioned: singular values fall evenly on a logarithmic scale, to 1e-14 in double and 1e-6 in single
    precision. clustered: singular values within a few ε of 1, of 1/2, and of 1e-3. repeated: each of 3, 2 and 1 many
    times. hilbert: 1 / (i + j + 1). kahan: triangular, and nearly singular without a small diagonal entry. wilkinson:
    grows by 2^(n - 1) under partial pivoting. Complex ones have random phases on rows and columns, but for identity.
    """
    source = np.random.default_rng(seed)
    k = min(m, n)
    i, j = np.arange(m)[:, None], np.arange(n)[None, :]
    if name == "random":
        return random((m, n), dtype, source)
    if name == "graded":
        a = random((m, n), np.complex128 if np.dtype(dtype).kind == "c" else np.float64, source)
        return (a * _falling(m, dtype)[:, None] * _falling(n, dtype)).astype(dtype)
    if name in _SPECTRA:
        u, v = _orthonormal(m, k, dtype, source), _orthonormal(n, k, dtype, source)
        return ((u * _SPECTRA[name](k, dtype, source)) @ v.conj().T).astype(dtype)
    if name == "zero":
        return np.zeros((m, n), dtype)
    if name == "identity":
        return np.eye(m, n, dtype=dtype)
    if name == "hilbert":
        a = 1 / (i + j + 1)
    elif name == "kahan":
        a = np.sin(1.2) ** i * ((i == j) - np.cos(1.2) * (i < j))
    elif name == "wilkinson":
        a = np.where(j == n - 1, 1.0, (i == j) * 1.0 - (i > j))
    else:
        raise ValueError(f"no family {name!r}; there are {FAMILIES}")
    return (_phases(m, dtype, source)[:, None] * a * _phases(n, dtype, source)).astype(dtype)


def hermitian_family(name, n, dtype, seed=0):
    """A Hermitian n × n matrix, equal to its conjugate transpose to the last bit, of one of the `FAMILIES`.

    The spectra are those of `family` with alternating signs; kahan is KᴴK of Kahan's K; wilkinson is his tridiagonal
    W⁺, whose largest eigenvalues come in pairs that agree to working precision.
    """
    source = np.random.default_rng(seed)
    if name in ("zero", "identity"):
        return family(name, n, n, dtype)
    if name in _SPECTRA:
        q = _orthonormal(n, n, dtype, source)
        values = _SPECTRA[name](n, dtype, source) * (-1.0) ** np.arange(n)
        a = (q * values) @ q.conj().T
    elif name == "graded":
        scale = _falling(n, dtype)
        a = hermitian_family("random", n, np.complex128 if np.dtype(dtype).kind == "c" else np.float64, source)
        a = scale[:, None] * a * scale
    elif name == "kahan":
        k = family("kahan", n, n, dtype, source)
        a = k.conj().T @ k
    elif name == "wilkinson":
        off = np.ones(max(n - 1, 0))
        a = np.diag(np.abs(np.arange(n) - (n - 1) / 2)) + np.diag(off, 1) + np.diag(off, -1) if n else np.zeros((0, 0))
        phases = _phases(n, dtype, source)
        a = phases[:, None] * a * phases.conj()
    elif name == "hilbert":
        phases = _phases(n, dtype, source)
        a = phases[:, None] * (1 / (np.arange(n)[:, None] + np.arange(n) + 1)) * phases.conj()
    else:
        a = family(name, n, n, dtype, source)
    a = a.astype(dtype)
    below = np.tril(a, -1)
    return below + below.conj().T + np.diag(a.diagonal().real)


def _falling(n, dtype):
    return np.geomspace(1, np.sqrt(eps(dtype)), n) if n else np.empty(0)


def _phases(n, dtype, source):
    return np.exp(2j * np.pi * source.random(n)) if np.dtype(dtype).kind == "c" else np.ones(n)


def _orthonormal(m, k, dtype, source):
    double = np.complex128 if np.dtype(dtype).kind == "c" else np.float64
    return np.linalg.qr(random((m, k), double, source))[0]


def _clusters(k, dtype, source):
    centres = np.array([1, 0.5, 1e-3])[np.arange(k) * 3 // max(k, 1)]
    return centres * (1 + 4 * eps(dtype) * source.random(k))


#: Singular values of the families that are made from them.
_SPECTRA = {
    "rank_deficient": lambda k, dtype, source: np.where(np.arange(k) < k // 2, 1 + source.random(k), 0),
    "ill_conditioned": lambda k, dtype, source: np.geomspace(1, 1e-14 if eps(dtype) < 1e-10 else 1e-6, k) if k else [],
    "clustered": _clusters,
    "repeated": lambda k, dtype, source: np.array([3.0, 2.0, 1.0])[np.arange(k) * 3 // max(k, 1)],
}


def exchanged_blocks(n, dtype):
    """[[0, I], [I, 0]]: every diagonal block is singular, so that rows must be looked for further down."""
    h = n // 2
    return np.roll(np.eye(n, dtype=dtype), h, axis=0)


def foster(n, dtype):
    """An integral equation by the trapezoidal rule, on which partial pivoting never exchanges rows and growth is 2ⁿ.

    L. V. Foster, "Gaussian elimination with partial pivoting can fail in practice", SIAM J. Matrix Anal. 15 (1994).
    """
    step, constant = 2 / 3, 6.0
    a = np.tril(np.full((n, n), -step), -1) + np.diag(np.full(n, 1 - step / 2))
    a[:, 0] = -step / 2
    a[:, -1] = -1 / constant
    if n:
        a[0, 0] = 1
        a[-1, -1] = 1 - 1 / constant - step / 2
    return a.astype(dtype)


def in_turn(cases):
    """Each case, a tuple, with a real and a complex type of different precision: all four types in two cases."""
    pairs = [(np.float32, np.complex128), (np.float64, np.complex64)]
    return [(*case, dtype) for at, case in enumerate(cases) for dtype in pairs[at % 2]]
