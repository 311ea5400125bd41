"""What a worker is given to compute."""

import pytest
from lambdapack.toys import KERNELS, cholesky, everything, parse_text

from numpywren.lambdapack import Task, Tile
from numpywren.lambdapack.resolved import (
    Add,
    Adjoint,
    Apply,
    Multiply,
    Negate,
    Read,
    Scale,
    Subtract,
    SumOf,
    Transpose,
)


def read(matrix, *index):
    return Read(Tile(matrix, index))


def resolved(expression, n=3, declarations="", scalars=None):
    program = parse_text(
        f"""
        @program(A="n n", X="n n")
        def p(A: Input, X: Output, alpha: Scalar, d: Size = 2):
            {declarations or "pass"}
            for i in range(n):
                X[i, 0] = {expression}
        """
    )
    return program.bind({"n": n}).expression(Task(0, (1,)), scalars or {"alpha": 0.5})


A00, A11 = read("A", 0, 0), read("A", 1, 1)

CASES = {
    "A[i, i]": A11,
    "A[i, i].T": Transpose(A11),
    "A[i, i].H": Adjoint(A11),
    "-A[i, i]": Negate(A11),
    "A[i, i] + A[0, 0]": Add(A11, A00),
    "A[i, i] - A[0, 0] @ A[i, i]": Subtract(A11, Multiply(A00, A11)),
    "alpha * A[i, i]": Scale(0.5, A11),
    "A[i, i] * 2": Scale(2, A11),
    "-2j * alpha * A[i, i]": Scale(-1j, A11),
    "(i + 1) * -alpha * A[i, i]": Scale(-1.0, A11),
    "sum(A[k, k] for k in range(n) if k != i)": SumOf((A00, read("A", 2, 2))),
    "sum(A[k, k] for k in range(n - 1, -1, -2))": SumOf((read("A", 2, 2), A00)),
    "A[0, 0] if i == 0 else A[i, i]": A11,
    "combine(A[i, i], weight=alpha * 2)": Apply(KERNELS["combine"], (A11,), {"weight": 1.0}),
    "combine(weight=d ** i)": Apply(KERNELS["combine"], (), {"weight": 2}),
    "trsm(A[i, i], A[0, 0], side='R')": Apply(KERNELS["trsm"], (A11, A00), {"side": "R"}),
    "gather([A[k, k] for k in range(2)])": Apply(KERNELS["gather"], ((A00, A11),), {}),
    "gather([A[0, 0], -A[i, i]])": Apply(KERNELS["gather"], ((A00, Negate(A11)),), {}),
    "gather(A[i:i, 0])": Apply(KERNELS["gather"], ((),), {}),
    # An empty sum is zero.
    "sum(A[k, k] for k in range(0))": SumOf(()),
    "A[i, i] - sum(A[k, k] for k in range(0))": A11,
    "sum(A[k, k] for k in range(0)) + A[i, i]": A11,
    "sum(A[k, k] for k in range(0)) - A[i, i]": Negate(A11),
    "sum(A[k, k] for k in range(0)) @ A[i, i]": SumOf(()),
    "-(2 * sum(A[k, k] for k in range(0)).T).H": SumOf(()),
    "sum(sum(A[k, k] for k in range(j)) for j in range(2))": SumOf((SumOf((A00,)),)),
}


@pytest.mark.parametrize("expression", CASES)
def test_expressions(expression):
    assert resolved(expression) == CASES[expression]


def test_stages_resolve_to_the_original_or_to_a_stage():
    assert resolved("S[i - 1, 0, 0]", declarations="S = stages(A)") == A00
    assert resolved("S[i, 0, 0]", declarations="S = stages(A)") == read("S", 1, 0, 0)
    assert resolved("S[0, 0, 0]", declarations="S = stages(A)") == A00


def test_only_canonical_tiles_are_read():
    sizes = {"n": 5, "depth": 2}
    flow = cholesky.bind(sizes)
    for task in flow.tasks():
        assert all(tile.matrix != "S" or tile.index[0] > 0 for tile in flow.reads(task) + flow.writes(task))


def test_the_tree_reads_what_reads_says():
    sizes = {"m": 3, "n": 3, "width": 1}
    flow = everything.bind(sizes)

    def reads(node):
        if isinstance(node, Read):
            yield node.tile
        elif isinstance(node, tuple):
            for inner in node:
                yield from reads(inner)

    for task in flow.tasks():
        node = flow.expression(task, {"shift": 2.0})
        assert tuple(dict.fromkeys(reads(node))) == flow.reads(task)


def test_scalars_must_be_given():
    with pytest.raises(ValueError, match="needs a value for scalar 'shift'"):
        everything.bind({"m": 1, "n": 1}).expression(Task(0, (0,)))
