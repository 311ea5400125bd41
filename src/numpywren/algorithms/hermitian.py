"""Whether a matrix is its own conjugate transpose."""

from numpywren.kernels.hermitian import asymmetry, check_hermitian, worst_asymmetry
from numpywren.lambdapack import Input, Output, Size, program, temporary

__all__ = ["hermitian"]


@program(A="n n", E="*")
def hermitian(A: Input, E: Output, n: Size) -> None:
    """E[0] = 0 if A = Aᴴ, up to rounding; else the run fails. A part of programs that read one triangle only.

    ==============  =====================================================================
    flops           2 N² (times 4 for complex numbers)
    tiles read      n², each once
    critical path   2 tasks; n tasks are ready at once
    ==============  =====================================================================
    """
    R = temporary("*")
    C = temporary("*")
    for i in range(n):
        R[i] = worst_asymmetry([asymmetry(A[i, j], A[j, i]) for j in range(i + 1)])
    if n > 0:
        C[0] = check_hermitian([R[i] for i in range(n)])
        # A task is as urgent as the first that reads what it writes: who reads E may be the last of a long run, and C
        # is read here so that the run fails at its beginning.
        E[0] = C[0]
