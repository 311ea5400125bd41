"""Sum of many tiles of one shape."""

from numpywren.lambdapack import Input, Output, Size, program, temporary

__all__ = ["total"]


@program(A="*", S="*")
def total(A: Input, S: Output, count: Size, fan: Size) -> None:
    """S[0] = A[0] + … + A[count - 1], `fan` at a time, and then what they gave. A part for other programs."""
    P = temporary("*")
    for t in range((count + fan - 1) // fan):
        P[t] = sum(A[i] for i in range(t * fan, min((t + 1) * fan, count)))
    if count > 0:
        S[0] = sum(P[t] for t in range((count + fan - 1) // fan))
