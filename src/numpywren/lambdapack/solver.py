"""How to find the bindings of some loops that satisfy some equations, decided once for a program.

The path to a task or a tile is a list of loops and conditions. Each becomes constraints: something is 0, something is
not negative, a variable is a whole number of steps from where its loop starts, or a condition that nothing is known
about. An index equation is one more. A plan is then an order of steps in which a variable is solved for as soon as an
equation holds no other unknown, or else enumerated, outermost first, between all the bounds that are linear in it;
every constraint is checked as soon as its variables are known.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from numpywren.lambdapack.ir import (
    Binary,
    Clause,
    Compare,
    Condition,
    Extreme,
    Guard,
    Index,
    Int,
    Junction,
    Log2,
    Loop,
    Name,
    Negative,
    Not,
)

__all__ = [
    "AtLeast",
    "Check",
    "Constraint",
    "Enumerate",
    "Equal",
    "Holds",
    "Plan",
    "Solve",
    "Step",
    "Stride",
    "constraints",
    "plan",
]


@dataclass(frozen=True, slots=True)
class Equal:
    """`zero` is 0."""

    zero: Index


@dataclass(frozen=True, slots=True)
class AtLeast:
    """`natural` is 0 or more."""

    natural: Index


@dataclass(frozen=True, slots=True)
class Stride:
    """`variable` is a whole number of steps from `origin`."""

    variable: str
    origin: Index
    step: Index


@dataclass(frozen=True, slots=True)
class Holds:
    """A condition that is only ever checked."""

    condition: Condition


Constraint: TypeAlias = Equal | AtLeast | Stride | Holds


@dataclass(frozen=True, slots=True)
class Solve:
    """``variable = numerator / denominator``, if that is an integer."""

    variable: str
    numerator: Index
    denominator: Index


@dataclass(frozen=True, slots=True)
class Enumerate:
    """`variable` from the largest of `lowers` to the smallest of `uppers`, in steps from `origin` if it is given."""

    variable: str
    lowers: tuple[Index, ...]
    uppers: tuple[Index, ...]
    descending: bool
    origin: Index | None
    step: Index


@dataclass(frozen=True, slots=True)
class Check:
    """Go on only if all of these hold."""

    constraints: tuple[Constraint, ...]


Step: TypeAlias = Solve | Enumerate | Check


@dataclass(frozen=True, slots=True)
class Plan:
    """Steps to every binding, once each.

    Parameters
    ----------
    steps : tuple of Step
        In the order in which they are nested.
    ordered : bool
        Whether bindings come in the order in which the loops themselves would make them.
    """

    steps: tuple[Step, ...]
    ordered: bool


ZERO: Final = Int(0)


def add(left: Index, right: Index) -> Index:
    """``left + right``, with integers folded."""
    match left, right:
        case Int(a), Int(b):
            return Int(a + b)
        case _, Int(0):
            return left
        case Int(0), _:
            return right
        case Binary("+", inner, Int(a)), Int(b):
            return add(inner, Int(a + b))
        case Binary("-", inner, Int(a)), Int(b):
            return add(inner, Int(b - a))
        case _, Int(b) if b < 0:
            return Binary("-", left, Int(-b))
        case _, Negative(operand):
            return subtract(left, operand)
    return Binary("+", left, right)


def subtract(left: Index, right: Index) -> Index:
    """``left - right``, with integers folded and what stands on both sides left out."""
    if isinstance(right, Int):
        return add(left, Int(-right.value))
    if left == right:
        return Int(0)
    match left, right:
        case Binary("+", a, b), _ if a == right:
            return b
        case Binary("+", a, b), _ if b == right:
            return a
        case Binary("-", a, b), _ if a == right:
            return negative(b)
        case _, Binary("+", a, b) if a == left:
            return negative(b)
        case _, Binary("-", a, b) if a == left:
            return b
        case Int(0), _:
            return negative(right)
        case _, Negative(operand):
            return add(left, operand)
    return Binary("-", left, right)


def negative(operand: Index) -> Index:
    """``-operand``, folded."""
    match operand:
        case Int(value):
            return Int(-value)
        case Negative(inner):
            return inner
        case Binary("-", left, right):
            return subtract(right, left)
    return Negative(operand)


def multiply(left: Index, right: Index) -> Index:
    """``left * right``, folded."""
    match left, right:
        case Int(a), Int(b):
            return Int(a * b)
        case (Int(0), _) | (_, Int(0)):
            return Int(0)
        case Int(1), _:
            return right
        case _, Int(1):
            return left
        case Int(-1), _:
            return negative(right)
        case _, Int(-1):
            return negative(left)
    return Binary("*", left, right)


def names(index: Index) -> frozenset[str]:
    """Sizes and variables in an index expression."""
    match index:
        case Int():
            return frozenset()
        case Name(name):
            return frozenset((name,))
        case Binary(_, left, right):
            return names(left) | names(right)
        case Negative(operand) | Log2(operand):
            return names(operand)
        case Extreme(_, operands):
            return frozenset().union(*map(names, operands))


def condition_names(condition: Condition) -> frozenset[str]:
    """Sizes and variables in a condition."""
    match condition:
        case Compare(_, left, right):
            return names(left) | names(right)
        case Junction(_, operands):
            return frozenset().union(*map(condition_names, operands))
        case Not(operand):
            return condition_names(operand)


def constraint_names(constraint: Constraint) -> frozenset[str]:
    """Sizes and variables in a constraint."""
    match constraint:
        case Equal(index) | AtLeast(index):
            return names(index)
        case Stride(variable, origin, step):
            return names(origin) | names(step) | {variable}
        case Holds(condition):
            return condition_names(condition)


def split(index: Index, variable: str) -> tuple[Index, Index] | None:
    """Write an expression as ``slope * variable + rest``: the two, or None if it is not linear."""
    match index:
        case Int():
            return ZERO, index
        case Name(name):
            return (Int(1), ZERO) if name == variable else (ZERO, index)
        case Binary(op, left, right):
            first, second = split(left, variable), split(right, variable)
            if first is None or second is None:
                return None
            if first[0] == ZERO and second[0] == ZERO:
                # the variable may stand on both sides of what cancels
                return ZERO, index if variable not in names(index) else Binary(op, first[1], second[1])
            if op in {"+", "-"}:
                join = add if op == "+" else subtract
                return join(first[0], second[0]), join(first[1], second[1])
            if op == "*" and first[0] == ZERO:
                return multiply(left, second[0]), multiply(left, second[1])
            if op == "*" and second[0] == ZERO:
                return multiply(right, first[0]), multiply(right, first[1])
            return None
        case Negative(operand):
            inner = split(operand, variable)
            return None if inner is None else (negative(inner[0]), negative(inner[1]))
    return None if variable in names(index) else (ZERO, index)


def is_positive(index: Index) -> bool:
    """Whether an expression is positive whatever its variables are (where it has a value)."""
    match index:
        case Int(value):
            return value > 0
        case Binary("**", Int(base), _):
            return base > 0
        case Binary("*" | "+", left, right):
            return is_positive(left) and is_positive(right)
    return False


def never_zero(index: Index) -> bool:
    """Whether an expression is different from 0 whatever its variables are (where it has a value)."""
    return is_positive(index) or is_positive(negative(index))


def at_most(left: Index, right: Index, gap: int = 0) -> Iterable[Constraint]:
    """``left + gap <= right``, split where that is the same as several inequalities."""
    match left, right:
        case Extreme("max", operands), _:
            for operand in operands:
                yield from at_most(operand, right, gap)
        case _, Extreme("min", operands):
            for operand in operands:
                yield from at_most(left, operand, gap)
        case _:
            yield AtLeast(add(subtract(right, left), Int(-gap)))


def condition_constraints(condition: Condition) -> Iterable[Constraint]:
    """Constraints that together say what a condition says."""
    match condition:
        case Compare("==", left, right):
            yield Equal(subtract(left, right))
        case Compare("<=", left, right):
            yield from at_most(left, right)
        case Compare("<", left, right):
            yield from at_most(left, right, 1)
        case Compare(">=", left, right):
            yield from at_most(right, left)
        case Compare(">", left, right):
            yield from at_most(right, left, 1)
        case Junction("and", operands):
            for operand in operands:
                yield from condition_constraints(operand)
        case _:
            yield Holds(condition)


def constraints(clauses: Sequence[Clause], equations: Sequence[tuple[Index, Index]] = ()) -> list[Constraint]:
    """Constraints for a path and index equations.

    Parameters
    ----------
    clauses : sequence of Clause
        Loops and guards, outermost first.
    equations : sequence of pairs of Index
        Expressions that are equal.

    Returns
    -------
    list of Constraint
        That hold exactly for the bindings that are wanted.
    """
    found: list[Constraint] = []
    for clause in clauses:
        if isinstance(clause, Guard):
            found.extend(condition_constraints(clause.condition))
            continue
        variable = Name(clause.variable)
        first, last = (clause.stop, clause.start) if clause.descending else (clause.start, clause.stop)
        gaps = (1, 0) if clause.descending else (0, 1)
        found.extend(at_most(first, variable, gaps[0]))
        found.extend(at_most(variable, last, gaps[1]))
        if clause.step not in (Int(1), Int(-1)):
            step = negative(clause.step) if clause.descending else clause.step
            found.append(Stride(clause.variable, clause.start, step))
    for left, right in equations:
        found.append(Equal(subtract(left, right)))
        match left:
            case Binary("//", inner, Int(divisor)) if divisor > 0:
                # Implied, and unlike the division linear: it narrows what is enumerated.
                base = multiply(Int(divisor), right)
                found.append(AtLeast(subtract(inner, base)))
                found.append(AtLeast(subtract(add(base, Int(divisor - 1)), inner)))
    return found


def plan(loops: Sequence[Loop], wanted: Iterable[Constraint], keys: int | None = None) -> Plan | None:
    """Order the search for the bindings of `loops` that satisfy all of `wanted`.

    Parameters
    ----------
    loops : sequence of Loop
        The unknowns, outermost first.
    wanted : iterable of Constraint
        Including those of the loops themselves.
    keys : int, optional
        How many of the loops are a task's own; the order of the rest does not matter. Default: all.

    Returns
    -------
    Plan or None
        None if no binding can satisfy them.
    """
    place = {loop.variable: at for at, loop in enumerate(loops)}
    pending: list[tuple[Constraint, frozenset[str]]] = []
    for constraint in wanted:
        if constraint == Equal(Int(0)):
            continue
        match constraint:
            case AtLeast(Int(value)):
                if value < 0:
                    return None
            case Equal(Int()):
                return None
            case _:
                pending.append((constraint, constraint_names(constraint) & place.keys()))
    steps: list[Step] = []
    known: set[str] = set()
    ordered = True
    while True:
        ready = tuple(constraint for constraint, unknown in pending if unknown <= known)
        if ready:
            steps.append(Check(ready))
            pending = [item for item in pending if not item[1] <= known]
        if len(known) == len(loops):
            return Plan(tuple(steps), ordered)
        solved = solvable(pending, known)
        if solved is not None:
            at, solve = solved
            steps.append(solve)
            del pending[at]
            known.add(solve.variable)
            own = place[solve.variable]
            if keys is None or own < keys:
                used = (names(solve.numerator) | names(solve.denominator)) & place.keys()
                ordered = ordered and all(place[name] < own for name in used)
            continue
        loop = next(loop for loop in loops if loop.variable not in known)
        step, pending = enumeration(loop, pending, known)
        steps.append(step)
        known.add(loop.variable)


def solvable(pending: list[tuple[Constraint, frozenset[str]]], known: set[str]) -> tuple[int, Solve] | None:
    """An equation that determines one variable, by its place in `pending`, and how."""
    for at, (constraint, involved) in enumerate(pending):
        if not isinstance(constraint, Equal):
            continue
        unknown = involved - known
        if len(unknown) != 1:
            continue
        (variable,) = unknown
        parts = split(constraint.zero, variable)
        if parts is None or not never_zero(parts[0]):
            continue
        slope, rest = parts
        if isinstance(slope, Int) and slope.value < 0:
            return at, Solve(variable, rest, Int(-slope.value))
        return at, Solve(variable, negative(rest), slope)
    return None


def enumeration(
    loop: Loop, pending: list[tuple[Constraint, frozenset[str]]], known: set[str]
) -> tuple[Enumerate, list[tuple[Constraint, frozenset[str]]]]:
    """Enumerate a loop within all bounds that are linear in it; what is left to check."""
    variable = loop.variable
    lowers: list[Index] = []
    uppers: list[Index] = []
    left: list[tuple[Constraint, frozenset[str]]] = []
    origin: Index | None = None
    step: Index = Int(1)
    for constraint, involved in pending:
        if involved - known == {variable}:
            if isinstance(constraint, Stride) and constraint.variable == variable and origin is None:
                origin, step = constraint.origin, constraint.step
                continue
            if isinstance(constraint, AtLeast):
                parts = split(constraint.natural, variable)
                if parts is not None and isinstance(parts[0], Int) and parts[0].value:
                    slope, rest = parts[0].value, parts[1]
                    if slope == 1:
                        lowers.append(negative(rest))
                    elif slope == -1:
                        uppers.append(rest)
                    elif slope > 0:
                        lowers.append(Negative(Binary("//", rest, Int(slope))))
                    else:
                        uppers.append(Binary("//", rest, Int(-slope)))
                    continue
        left.append((constraint, involved))
    made = Enumerate(
        variable, tuple(dict.fromkeys(lowers)), tuple(dict.fromkeys(uppers)), loop.descending, origin, step
    )
    return made, left
