"""Writing out the programs that a program calls.

The callee's sizes become the caller's expressions, its matrices the caller's (or sections of them), its loop
variables get names that mean nothing else, and its temporaries become the caller's, with the loops around the call as
leading indices: each round of such a loop has intermediates of its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from numpywren.lambdapack.ir import (
    Access,
    Argument,
    Arithmetic,
    Assign,
    Binary,
    Call,
    Choice,
    Clause,
    Compare,
    Condition,
    Extreme,
    Flipped,
    For,
    Guard,
    If,
    Index,
    Int,
    Junction,
    Listing,
    Log2,
    Loop,
    Minus,
    Name,
    Negative,
    Not,
    Number,
    Opposite,
    Option,
    OptionValue,
    Parameter,
    Product,
    Scalar,
    Scaled,
    Statement,
    Sum,
    Target,
    TileExpression,
    Whole,
)
from numpywren.lambdapack.kernel import Kernel
from numpywren.lambdapack.program import Program
from numpywren.lambdapack.scope import Scope, View, use_kernel

__all__ = ["inlined"]


@dataclass
class Inliner:
    """What the names of a callee become.

    Parameters
    ----------
    scope : Scope
        The caller.
    kernels : mapping of str to Kernel
        Kernels of the callee.
    views : dict of str to View
        What its matrices are.
    indices : dict of str to Index
        What its sizes, and the loop variables met so far, are.
    scalars : dict of str to Scalar
        What its scalars are.
    """

    scope: Scope
    kernels: Mapping[str, Kernel]
    views: dict[str, View]
    indices: dict[str, Index]
    scalars: dict[str, Scalar] = field(default_factory=dict)

    def block(self, statements: tuple[Statement, ...]) -> tuple[Statement, ...]:
        """Translate statements."""
        return tuple(map(self.statement, statements))

    def statement(self, statement: Statement) -> Statement:
        """Translate a statement."""
        match statement:
            case Assign(targets, value):
                return replace(statement, targets=tuple(map(self.target, targets)), value=self.tile(value))
            case For(loop, body):
                return For(self.loop(loop), self.block(body))
            case If(condition, body, orelse):
                return replace(
                    statement, condition=self.condition(condition), body=self.block(body), orelse=self.block(orelse)
                )

    def guard(self, guard: Guard) -> Guard:
        """Translate a condition of a comprehension."""
        return replace(guard, condition=self.condition(guard.condition))

    def loop(self, loop: Loop) -> Loop:
        """Translate a loop; its variable gets a name of its own from here on."""
        start, stop, step = map(self.index, (loop.start, loop.stop, loop.step))
        # The variables of slices are the language's own: they mean something in one target only.
        name = loop.variable if loop.variable.startswith("_") else self.scope.fresh(loop.variable)
        self.indices[loop.variable] = Name(name)
        return replace(loop, variable=name, start=start, stop=stop, step=step)

    def clauses(self, clauses: tuple[Clause, ...]) -> tuple[Clause, ...]:
        """Translate clauses, in order."""
        return tuple(self.loop(clause) if isinstance(clause, Loop) else self.guard(clause) for clause in clauses)

    def target(self, target: Target) -> Target:
        """Translate a target."""
        clauses = self.clauses(target.clauses)
        access = target.access
        return Target(self.views[access.matrix].write(tuple(map(self.index, access.index)), access.span), clauses)

    def tile(self, value: TileExpression) -> TileExpression:
        """Translate an expression over tiles."""
        match value:
            case Access(matrix, index, span):
                return self.views[matrix].read(tuple(map(self.index, index)), span)
            case Choice(condition, then, otherwise):
                return chosen(self.condition(condition), self.tile(then), self.tile(otherwise))
            case Call(kernel, arguments, options):
                return replace(
                    value,
                    kernel=use_kernel(self.scope.kernels, self.kernels[kernel]),
                    arguments=tuple(map(self.argument, arguments)),
                    options=tuple(Option(option.name, self.option(option.value)) for option in options),
                )
            case Arithmetic(op, left, right):
                return Arithmetic(op, self.tile(left), self.tile(right))
            case Scaled(factor, operand):
                return Scaled(self.scalar(factor), self.tile(operand))
            case Minus(operand):
                return Minus(self.tile(operand))
            case Flipped(how, operand):
                return Flipped(how, self.tile(operand))
            case Sum(term, clauses):
                inner = self.clauses(clauses)
                return Sum(self.tile(term), inner)

    def argument(self, value: Argument) -> Argument:
        """Translate an argument of a kernel."""
        if not isinstance(value, Listing):
            return self.tile(value)
        clauses = self.clauses(value.clauses)
        return Listing(tuple(map(self.tile, value.items)), clauses)

    def option(self, value: OptionValue) -> OptionValue:
        """Translate an option."""
        return value if isinstance(value, str | bool) else self.scalar(value)

    def scalar(self, scalar: Scalar) -> Scalar:
        """Translate a scalar."""
        match scalar:
            case Parameter(name):
                return self.scalars[name]
            case Whole(index):
                return Whole(self.index(index))
            case Product(left, right):
                return Product(self.scalar(left), self.scalar(right))
            case Opposite(operand):
                return Opposite(self.scalar(operand))
            case Number():
                return scalar

    def index(self, index: Index) -> Index:
        """Translate an index expression."""
        match index:
            case Int():
                return index
            case Name(name):
                return self.indices[name]
            case Binary(op, left, right):
                return Binary(op, self.index(left), self.index(right))
            case Negative(operand):
                return Negative(self.index(operand))
            case Log2(operand):
                return Log2(self.index(operand))
            case Extreme(which, operands):
                return Extreme(which, tuple(map(self.index, operands)))

    def condition(self, condition: Condition) -> Condition:
        """Translate a condition."""
        match condition:
            case Compare(op, left, right):
                return Compare(op, self.index(left), self.index(right))
            case Junction(op, operands):
                return Junction(op, tuple(map(self.condition, operands)))
            case Not(operand):
                return Not(self.condition(operand))


def chosen(condition: Condition, then: TileExpression, otherwise: TileExpression) -> TileExpression:
    """A choice, already made if it is one between integers."""
    match condition:
        case Compare("==", Int(left), Int(right)):
            return then if left == right else otherwise
    return Choice(condition, then, otherwise)


def inlined(
    scope: Scope,
    callee: Program,
    views: Mapping[str, View],
    sizes: Mapping[str, Index],
    scalars: Mapping[str, Scalar],
    around: tuple[str, ...],
) -> tuple[Statement, ...]:
    """Statements of a program with the caller's matrices, sizes and scalars in place of its own.

    Parameters
    ----------
    scope : Scope
        The caller; the callee's temporaries are declared there.
    callee : Program
        The program.
    views : mapping of str to View
        The caller's matrix for each of the callee's inputs and outputs.
    sizes, scalars : mapping
        The caller's expression for each of the callee's sizes and scalars.
    around : tuple of str
        Variables of the loops around the call, outermost first.

    Returns
    -------
    tuple of Statement
        To stand where the call stood.
    """
    own = dict(views)
    for matrix in callee.matrices:
        if matrix.role != "temporary":
            continue
        grid = tuple("*" for _ in around) + tuple(letter_of(letter, sizes) for letter in matrix.grid)
        base = None if matrix.base is None or around else own[matrix.base]
        made = replace(
            matrix,
            name=scope.fresh(f"{callee.name}_{matrix.name}"),
            grid=grid,
            stage=None if matrix.stage is None else matrix.stage + len(around),
            base=base.matrix.name if base is not None and not base.prefix and base.base is None else None,
        )
        # Reads of stage 0 are already choices in the callee, so the view itself needs no base.
        own[matrix.name] = View(made, tuple(Name(variable) for variable in around))
        scope.views[made.name] = View(made)
    return Inliner(scope, callee.kernels, own, dict(sizes), dict(scalars)).block(callee.body)


def letter_of(letter: str, sizes: Mapping[str, Index]) -> str:
    """The caller's name for a size of the callee, if it is one."""
    size = sizes.get(letter)
    return size.name if isinstance(size, Name) else "*"
