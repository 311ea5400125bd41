"""Kernels that compute nothing, programs made of them, and ways to make programs from text."""

import ast
import textwrap

from numpywren.lambdapack import Input, Output, Scalar, Size, kernel, log2, program, stages, temporary
from numpywren.lambdapack.parser import parse
from numpywren.lambdapack.scope import MISSING
from numpywren.lambdapack.source import Source


@kernel()
def potrf(a): ...


@kernel()
def trsm(b, a, side="L", trans="N"): ...


@kernel()
def combine(*tiles, weight=1.0): ...


@kernel()
def gather(tiles, weight=1): ...


@kernel(results=2)
def qr(a, mode="reduced"): ...


@kernel(results="any")
def scatter(a, *more): ...


@kernel()
def ones(): ...


KERNELS = {found.name: found for found in (potrf, trsm, combine, gather, qr, scatter, ones)}


@program(A="n n", L="n n")
def cholesky(A: Input, L: Output, n: Size, depth: Size):
    """A = L Lᴴ, right-looking over panels `depth` tiles wide, left-looking inside a panel."""
    S = stages(A)
    for p in range(0, n, depth):
        for j in range(p, min(p + depth, n)):
            L[j, j] = potrf(S[p, j, j] - sum(L[j, k] @ L[j, k].H for k in range(p, j)))
            for i in range(j + 1, n):
                L[i, j] = trsm(S[p, i, j] - sum(L[i, k] @ L[j, k].H for k in range(p, j)), L[j, j])
        for j in range(p + depth, n):
            for i in range(j, n):
                S[p + depth, i, j] = S[p, i, j] - sum(L[i, k] @ L[j, k].H for k in range(p, p + depth))


@program(L="n n", B="n r", X="n r")
def solve_lower(L: Input, B: Input, X: Output):
    """Solve L X = B."""
    S = stages(B)
    for k in range(n):
        for j in range(r):
            X[k, j] = trsm(S[k, k, j], L[k, k])
            for i in range(k + 1, n):
                S[k + 1, i, j] = S[k, i, j] - L[i, k] @ X[k, j]


@program(L="n n", B="n r", X="n r")
def solve_upper(L: Input, B: Input, X: Output):
    """Solve Lᴴ X = B."""
    for k in range(n - 1, -1, -1):
        for j in range(r):
            X[k, j] = trsm(B[k, j] - sum(L[i, k].H @ X[i, j] for i in range(n - 1, k, -1)), L[k, k], trans="C")


@program(A="n n", B="n r", X="n r")
def solve(A: Input, B: Input, X: Output, depth: Size = 1):
    """Solve A X = B through A = L Lᴴ, each solve starting while the factor is still being computed."""
    L = temporary("n n")
    Y = temporary("n r")
    cholesky(A, L, depth=depth)
    solve_lower(L, B, Y)
    solve_upper(L, Y, X)


@program(A="s n n", B="s n r", X="s n r")
def solve_stack(A: Input, B: Input, X: Output):
    """Solve a stack of problems."""
    for q in range(s):
        solve(A[q], B[q], X[q], depth=2)


@program(A="n", R="one")
def tree(A: Input, R: Output):
    """R = the sum of the tiles of A, added pair by pair."""
    T = temporary("* n")
    for i in range(n):
        T[0, i] = A[i] @ A[i].H
    for level in range(log2(n)):
        for i in range(0, n, 2 ** (level + 1)):
            if i + 2**level < n:
                T[level + 1, i] = T[level, i] + T[level, i + 2**level]
            else:
                T[level + 1, i] = T[level, i]
    for i in range(min(one, n)):
        R[i] = T[log2(n), 0]


@program(A="m n", Q="m n", R="n n")
def everything(A: Input, Q: Output, R: Output, shift: Scalar, width: Size = 2):
    """A bit of everything.

    It computes nothing that anybody wants.
    """
    W = temporary("* n")
    V = temporary("m n")
    for j in range(n):
        W[0:2, j] = scatter(ones(), [A[i, j].T for i in range(m) if i % 2 == 0])
        for i in range(m - 1, -1, -width):
            if i == 0 or j > i:
                Q[i, j], V[i, j] = qr(-A[i, j] + 2 * shift * (A[i, j] @ W[1, j]), mode="full")
            elif (i + j) % 3 != 0 and not i < j // 2:
                Q[i, j] = combine(A[i, j], W[0, j] if j > 0 else A[0, 0], weight=-1.5 * shift)
            else:
                Q[i, j] = gather(A[0:m, j], weight=max(i, j, 1) ** 2) - 0.5 * A[i, j]
        R[j, j] = sum(A[i, j].H @ A[i, k] for i in range(m) for k in range(j, n) if k != i)


PROGRAMS = (cholesky, solve_lower, solve_upper, solve, solve_stack, tree, everything)


def parse_text(text, around=KERNELS):
    """Parse a program from text, with the names `around` it; it isn't tried with small sizes."""
    text = textwrap.dedent(text).strip("\n")
    (function,) = ast.parse(text).body
    grids = {
        keyword.arg: ast.literal_eval(keyword.value)
        for decorator in function.decorator_list
        for keyword in decorator.keywords
    }
    source = Source("program.py", 1, tuple(text.split("\n")))
    return parse(source, lambda name: around.get(name, MISSING), grids)
