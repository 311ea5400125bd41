"""From nested statements to a flat list of kinds of task."""

from __future__ import annotations

from collections.abc import Iterator

from numpywren.lambdapack.ir import (
    Access,
    Argument,
    Arithmetic,
    Assign,
    Call,
    Choice,
    Clause,
    Compare,
    Condition,
    Flipped,
    For,
    Guard,
    If,
    Junction,
    Kind,
    Listing,
    Minus,
    Not,
    Scaled,
    Statement,
    Sum,
)

__all__ = ["kinds", "negated", "occurrences", "parts"]


def kinds(body: tuple[Statement, ...]) -> tuple[Kind, ...]:
    """Flatten a program's statements.

    Parameters
    ----------
    body : tuple of Statement
        The statements, with program calls inlined.

    Returns
    -------
    tuple of Kind
        One for each assignment, in the order of the text.
    """
    found: list[Kind] = []

    def walk(block: tuple[Statement, ...], path: tuple[Clause, ...], before: tuple[int, ...], at: int) -> int:
        """Flatten a block whose first statement has position `at`; the position after its last."""
        for statement in block:
            match statement:
                case Assign(targets, value, span):
                    found.append(Kind(len(found), path, (*before, at), targets, value, span))
                    at += 1
                case For(loop, inner):
                    walk(inner, (*path, loop), (*before, at), 0)
                    at += 1
                case If(condition, inner, orelse, span):
                    # Branches share their neighbours' numbering: at most one of them happens.
                    at = walk(inner, (*path, Guard(condition, span)), before, at)
                    at = walk(orelse, (*path, Guard(negated(condition), span)), before, at)
        return at

    walk(body, (), (), 0)
    return tuple(found)


def negated(condition: Condition) -> Condition:
    """The opposite of a condition, with comparisons turned round so that they can still be solved."""
    match condition:
        case Compare("<", left, right):
            return Compare(">=", left, right)
        case Compare("<=", left, right):
            return Compare(">", left, right)
        case Compare(">", left, right):
            return Compare("<=", left, right)
        case Compare(">=", left, right):
            return Compare("<", left, right)
        case Compare("==", left, right):
            return Compare("!=", left, right)
        case Compare(_, left, right):
            return Compare("==", left, right)
        case Junction("and", operands):
            return Junction("or", tuple(map(negated, operands)))
        case Junction(_, operands):
            return Junction("and", tuple(map(negated, operands)))
        case Not(operand):
            return operand
    raise AssertionError(condition)


def occurrences(value: Argument, clauses: tuple[Clause, ...] = ()) -> Iterator[tuple[Access, tuple[Clause, ...]]]:
    """Every access in an expression, in the order of the text, with the clauses between it and the task."""
    match value:
        case Access():
            yield value, clauses
        case Choice(condition, then, otherwise):
            yield from occurrences(then, (*clauses, Guard(condition)))
            yield from occurrences(otherwise, (*clauses, Guard(negated(condition))))
        case Call(arguments=arguments):
            for argument in arguments:
                yield from occurrences(argument, clauses)
        case Arithmetic(_, left, right):
            yield from occurrences(left, clauses)
            yield from occurrences(right, clauses)
        case Scaled(_, operand) | Minus(operand) | Flipped(_, operand):
            yield from occurrences(operand, clauses)
        case Sum(term, inner):
            yield from occurrences(term, clauses + inner)
        case Listing(items, inner):
            for item in items:
                yield from occurrences(item, clauses + inner)


def parts(value: Argument) -> Iterator[Argument]:
    """An expression and every expression in it, from the outside in, in the order of the text."""
    yield value
    inner: tuple[Argument, ...] = ()
    match value:
        case Choice(_, left, right) | Arithmetic(_, left, right):
            inner = (left, right)
        case Call(arguments=arguments):
            inner = arguments
        case Scaled(_, operand) | Minus(operand) | Flipped(_, operand) | Sum(operand, _):
            inner = (operand,)
        case Listing(items, _):
            inner = items
    for each in inner:
        yield from parts(each)
