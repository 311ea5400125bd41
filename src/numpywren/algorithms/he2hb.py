"""Reduction of a Hermitian matrix of tiles to a band that is narrower than a tile."""

from numpywren.kernels.he2hb import he2hb_block, he2hb_inner, he2hb_panel, he2hb_update
from numpywren.kernels.hemm import hemm, her2k
from numpywren.lambdapack import Input, Output, Size, program, stages, temporary

__all__ = ["he2hb"]


@program(A="n n", B="*", V="* *", T="*")
def he2hb(A: Input, B: Output, V: Output, T: Output, n: Size, ratio: Size, panels: Size, band: Size) -> None:
    """A = Q1 B Q1ᴴ with B a Hermitian band, panels of `band` columns, `ratio` of them in a tile column.

    Reads the lower triangle of A. B[q] is block column q of the band: the lower triangle of its diagonal block and the
    triangle below. Q1 is the product of I - V[q] T[q] V[q]ᴴ over the panels q; V[q, i] is the part of V[q] in tile row
    i, from the tile on in which the panel reaches below the band.

    Panels of one tile column leave the tiles as they are, and count in what those before explain; after the last of
    them the tiles to the right are written once.

    ==============  =====================================================================
    flops           4/3 N³ (times 4 for complex numbers), half of them A V and half the updates
    tiles written   about n³/6, and n ratio² tile columns of V and W, `ratio` times narrower than a tile
    tiles read      n³ ratio/3 for A V, where a worker does not hold them, and n³/2
    critical path   4 tasks a panel
    parallelism     n - p tasks for A V, and (n - p)²/2 for the updates
    ==============  =====================================================================

    References
    ----------
    C. H. Bischof, B. Lang, X. Sun, "A framework for symmetric band reduction", ACM Trans. Math. Softw. 26 (2000).
    J. J. Dongarra, D. C. Sorensen, S. J. Hammarling, "Block reduction of matrices to condensed forms for eigenvalue
    computations", J. Comput. Appl. Math. 27 (1989).
    """
    S = stages(A)
    W = temporary("* *")
    Y = temporary("* *")
    M = temporary("*")
    for p in range(n):
        for q in range(p * ratio, min((p + 1) * ratio, panels)):
            if q + 1 < min(panels, n * ratio):
                # columns q of A, less Σ_t V(t) W(t)ᴴ + W(t) V(t)ᴴ over the panels before = [B(q); Q R]
                V[q, (q + 1) // ratio : n], T[q], B[q] = he2hb_panel(
                    [S[p, i, p] for i in range(p, n)],
                    [V[t, i] for t in range(p * ratio, q) for i in range(p, n)],
                    [W[t, i] for t in range(p * ratio, q) for i in range(p, n)],
                    band=band,
                    at=q - p * ratio,
                )
                # Y = A V with A of before the tile column
                for i in range((q + 1) // ratio, n):
                    Y[q, i] = (
                        hemm(S[p, i, i], V[q, i])
                        + sum(S[p, i, j] @ V[q, j] for j in range((q + 1) // ratio, i))
                        + sum(S[p, j, i].H @ V[q, j] for j in range(i + 1, n))
                    )
                # W(t)ᴴ V and V(t)ᴴ V for the panels before, by which Y is put right
                if q > p * ratio:
                    M[q] = he2hb_inner(
                        [V[t, i] for t in range(p * ratio, q) for i in range((q + 1) // ratio, n)],
                        [W[t, i] for t in range(p * ratio, q) for i in range((q + 1) // ratio, n)],
                        [V[q, i] for i in range((q + 1) // ratio, n)],
                    )
                # W = Y T - ½ V Tᴴ Vᴴ Y T
                W[q, (q + 1) // ratio : n] = he2hb_update(
                    [Y[q, i] for i in range((q + 1) // ratio, n)],
                    [V[q, i] for i in range((q + 1) // ratio, n)],
                    T[q],
                    [V[t, i] for t in range(p * ratio, q) for i in range((q + 1) // ratio, n)],
                    [W[t, i] for t in range(p * ratio, q) for i in range((q + 1) // ratio, n)],
                    [M[t] for t in range(q, q + min(1, q - p * ratio))],
                )
            else:
                B[q] = he2hb_block(
                    S[p, p, p],
                    [V[t, p] for t in range(p * ratio, q)],
                    [W[t, p] for t in range(p * ratio, q)],
                    band=band,
                    at=q - p * ratio,
                )
        for j in range(p + 1, n):
            # A(i,j) <- A(i,j) - Σ_q V(q,i) W(q,j)ᴴ + W(q,i) V(q,j)ᴴ over the panels of the tile column
            S[p + 1, j, j] = S[p, j, j] - sum(
                her2k(V[q, j], W[q, j]) for q in range(p * ratio, min((p + 1) * ratio, panels - 1))
            )
            for i in range(j + 1, n):
                S[p + 1, i, j] = S[p, i, j] - sum(
                    V[q, i] @ W[q, j].H + W[q, i] @ V[q, j].H
                    for q in range(p * ratio, min((p + 1) * ratio, panels - 1))
                )
