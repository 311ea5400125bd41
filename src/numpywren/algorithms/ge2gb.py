"""Reduction of a matrix of tiles to an upper band."""

from numpywren.kernels.ge2gb import (
    column_panel,
    first_columns,
    left_update,
    right_update,
    right_update_last,
    row_panel,
)
from numpywren.lambdapack import Input, Output, Size, program, stages, temporary

__all__ = ["ge2gb"]


@program(A="m n", V="* * *", T="* *", R="* *", U="* * *", Z="* *", L="* *")
def ge2gb(
    A: Input,
    V: Output,
    T: Output,
    R: Output,
    U: Output,
    Z: Output,
    L: Output,
    m: Size,
    n: Size,
    panels: Size,
    width: Size,
) -> None:
    """A = Q B Pᴴ for m ≥ n, B an upper band of `width` diagonals above the main one, rows and columns cut alike.

    Panels of `width` columns and of `width` rows by turns; a tile has `panels` of them each way. With C the columns of
    a panel as they are now, and F its rows,

        C = (I - V T Vᴴ) [R; 0],  Yᴴ = Tᴴ Vᴴ A,  F ← F - V Yᴴ;  F = [L 0] (I - U Z Uᴴ)ᴴ,  X = A U Z,

    and A becomes A - V Yᴴ - X Uᴴ. Inside a tile step nothing of that is written but the panels: products with A are
    products with the tiles of the step, and small corrections. Q = Π (I - V T Vᴴ), P = Π (I - U Z Uᴴ).

    ==============  =====================================================================
    flops           4 M N² - 4 N³/3 (times 4 for complex numbers), all of it gemm but the panels
    tiles written   n (m n - n²/3) / 2 of intermediates, and panels as large as two matrices
    tiles read      each tile of a step twice a panel, and once at its end
    critical path   4 n panels; m - p or n - p tasks are ready between the panels of step p
    ==============  =====================================================================

    References
    ----------
    A. Haidar, J. Kurzak, P. Luszczek, "An improved parallel singular value algorithm and its implementation for
    multicore hardware", SC 2013. J. Dongarra, S. Hammarling, D. Sorensen, "Block reduction of matrices to condensed
    forms for eigenvalue computations", J. Comput. Appl. Math. 27 (1989).
    """
    S = stages(A)
    C = temporary("* * *")  # columns of a panel, as they are when its turn comes
    F = temporary("* * *")  # rows
    Y = temporary("* * *")  # Yᴴ
    X = temporary("* * *")
    W = temporary("* *")  # what the panel is times the panels before it
    G = temporary("* *")
    for p in range(min(m, n)):
        for i in range(p, m):
            C[p, 0, i] = first_columns(S[p, i, p], width=width)
        for q in range(panels):
            # C = Q [R; 0]
            V[p, q, p:m], T[p, q], R[p, q], W[p, q] = column_panel(
                [C[p, q, i] for i in range(p, m)],
                [V[p, t, i] for t in range(q) for i in range(p, m)],
                [X[p, t, i] for t in range(q) for i in range(p, m)],
                first=q * width,
            )
            # where the panel ends with its tile, the tile's columns are finished
            for j in range(p + (q + 1) // panels, n):
                # Yᴴ = Tᴴ Vᴴ A, and the panel's rows
                Y[p, q, j], F[p, q, j] = left_update(
                    sum(V[p, q, i].H @ S[p, i, j] for i in range(p, m)),
                    W[p, q],
                    T[p, q],
                    [Y[p, t, j] for t in range(q)],
                    [U[p, t, j] for t in range(q)],
                    S[p, p, j],
                    [V[p, t, p] for t in range(q + 1)],
                    [X[p, t, p] for t in range(q)],
                    first=q * width,
                    done=(q + 1) * width * max(0, 1 - j + p),
                )
            if p + (q + 1) // panels < n:
                # F = [L 0] Pᴴ
                U[p, q, p + (q + 1) // panels : n], Z[p, q], L[p, q], G[p, q] = row_panel(
                    [F[p, q, j] for j in range(p + (q + 1) // panels, n)],
                    [Y[p, t, j] for t in range(q + 1) for j in range(p + (q + 1) // panels, n)],
                    [U[p, t, j] for t in range(q) for j in range(p + (q + 1) // panels, n)],
                    first=(q + 1) * width * (1 - (q + 1) // panels),
                )
                if q + 1 < panels:
                    for i in range(p, m):
                        # X = A U Z, and the next panel's columns
                        X[p, q, i], C[p, q + 1, i] = right_update(
                            sum(S[p, i, j] @ U[p, q, j] for j in range(p, n)),
                            G[p, q],
                            Z[p, q],
                            [V[p, t, i] for t in range(q + 1)],
                            [X[p, t, i] for t in range(q)],
                            S[p, i, p],
                            [Y[p, t, p] for t in range(q + 1)],
                            [U[p, t, p] for t in range(q + 1)],
                            first=(q + 1) * width,
                            width=width,
                            done=(q + 1) * width * max(0, 1 - i + p),
                        )
                else:
                    for i in range(p + 1, m):
                        X[p, q, i] = right_update_last(
                            sum(S[p, i, j] @ U[p, q, j] for j in range(p + 1, n)),
                            G[p, q],
                            Z[p, q],
                            [V[p, t, i] for t in range(q + 1)],
                            [X[p, t, i] for t in range(q)],
                        )
        for i in range(p + 1, m):
            for j in range(p + 1, n):
                # A ← A - V Yᴴ - X Uᴴ
                S[p + 1, i, j] = (
                    S[p, i, j]
                    - sum(V[p, q, i] @ Y[p, q, j] for q in range(panels))
                    - sum(X[p, q, i] @ U[p, q, j].H for q in range(panels))
                )
