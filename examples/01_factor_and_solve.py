"""Factor a symmetric positive definite matrix, solve with the factor, and keep it."""

import numpy as np

import numpywren as nw

rng = np.random.default_rng(0)
n = 1500
M = rng.standard_normal((n, n))
A = nw.asarray(M @ M.T + n * np.eye(n), chunks=256)  # nothing needs to be divisible: the last tiles are smaller
b = rng.standard_normal((n, 3))
print("matrix:", A)

L = nw.linalg.cholesky(A)
print("factor:", L)
x = nw.linalg.cho_solve((L, True), b)

residual = nw.linalg.norm(A @ x - nw.asarray(b)) / np.linalg.norm(b)
print(f"relative residual: {residual:.1e}")
assert residual < 1e-12

L.save("L.zarr", overwrite=True)  # Zarr v3: anyone's reader opens it
again = nw.open("L.zarr")
log_det = 2 * np.log(np.asarray(nw.linalg.diagonal(again))).sum()
print(f"log det A = {log_det:.6f}")
assert np.isclose(log_det, np.linalg.slogdet(np.asarray(A))[1])
