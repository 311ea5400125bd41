"""Integer arithmetic of index expressions, bounded so that no program can make it explode.

The functions named `total_…` answer something even where the others raise. The equations of `solver` may be evaluated
for values that no task has; such candidates are rejected by the checks that follow, whatever the arithmetic said.
"""

from __future__ import annotations

__all__ = [
    "BITS",
    "divide",
    "log2",
    "modulo",
    "positive",
    "power",
    "total_divide",
    "total_log2",
    "total_modulo",
    "total_power",
]

BITS = 128
"""Largest size of a power, in bits: far beyond any index, far below anything slow."""


def divide(left: int, right: int) -> int:
    """``left // right``."""
    if right == 0:
        raise ValueError(f"index arithmetic divides by zero: {left} // 0")
    return left // right


def modulo(left: int, right: int) -> int:
    """``left % right``."""
    if right == 0:
        raise ValueError(f"index arithmetic divides by zero: {left} % 0")
    return left % right


def power(base: int, exponent: int) -> int:
    """``base ** exponent``, an integer."""
    if exponent < 0:
        raise ValueError(f"index arithmetic makes a fraction: {base} ** {exponent}; keep the exponent at 0 or above")
    if base.bit_length() * exponent > BITS and base not in (0, 1, -1):
        raise ValueError(f"index arithmetic makes a number of more than {BITS} bits: {base} ** {exponent}")
    result: int = base**exponent
    return result


def log2(number: int) -> int:
    """Least k with ``2**k >= number``; 0 for 0 and 1."""
    if number < 0:
        raise ValueError(f"index arithmetic takes the logarithm of a negative number: log2({number})")
    return (number - 1).bit_length() if number > 1 else 0


def positive(step: int) -> int:
    """`step`, if a range can advance by it."""
    if step <= 0:
        raise ValueError(f"a range advances by {step}; its step must be at least 1, or be written with a minus sign")
    return step


def total_divide(left: int, right: int) -> int:
    """`divide`, or 0 where that raises."""
    return left // right if right else 0


def total_modulo(left: int, right: int) -> int:
    """`modulo`, or 0 where that raises."""
    return left % right if right else 0


def total_power(base: int, exponent: int) -> int:
    """`power`, or 0 where that raises."""
    if exponent < 0 or (base.bit_length() * exponent > BITS and base not in (0, 1, -1)):
        return 0
    result: int = base**exponent
    return result


def total_log2(number: int) -> int:
    """`log2`, or 0 where that raises."""
    return (number - 1).bit_length() if number > 1 else 0
