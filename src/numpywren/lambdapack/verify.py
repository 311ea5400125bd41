"""What must be true of any program, wherever it came from: names, ranks, roles, kernels."""

from __future__ import annotations

from numpywren.lambdapack.ir import (
    Access,
    Argument,
    Arithmetic,
    Assign,
    Call,
    Choice,
    Clause,
    Condition,
    Flipped,
    For,
    Guard,
    If,
    Index,
    Int,
    Listing,
    Matrix,
    Minus,
    Number,
    Opposite,
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
from numpywren.lambdapack.kernel import signature
from numpywren.lambdapack.program import Program
from numpywren.lambdapack.solver import condition_names, names
from numpywren.lambdapack.source import Span, error

__all__ = ["verify"]

DEEPEST = 16
"""Most loops around one tile: more than any algorithm has, and fewer than Python lets one nest."""


def verify(program: Program, span: Span | None = None) -> None:
    """Check all that can be seen without running a program's loops.

    Parameters
    ----------
    program : Program
        The program.
    span : Span, optional
        Where it stands.

    Raises
    ------
    ProgramError
        If a name means nothing or two things, a matrix is used with a wrong number of indices or against its role, or
        a kernel is called in a way that it does not take.
    """
    Verifier(program, span).program_()


class Verifier:
    """Walks one program."""

    def __init__(self, program: Program, span: Span | None) -> None:
        self.program = program
        self.span = span
        self.matrices: dict[str, Matrix] = {matrix.name: matrix for matrix in program.matrices}
        self.written: set[str] = set()

    def require(self, true: bool, message: str, span: Span | None = None, remedy: str = "") -> None:
        if not true:
            raise error(message, span or self.span, remedy)

    def program_(self) -> None:
        program = self.program
        declared = [*self.matrices, *program.sizes, *program.scalars]
        self.require(
            len(set(declared)) == len(declared) and len(self.matrices) == len(program.matrices),
            "a name is declared twice",
        )
        for name in program.parameters:
            matrix = self.matrices.get(name)
            known = matrix.role != "temporary" if matrix else name in program.sizes or name in program.scalars
            self.require(known, f"parameter {name!r} is neither matrix nor size nor scalar")
        for matrix in program.matrices:
            self.require(
                matrix.role == "temporary" or matrix.name in program.parameters,
                f"matrix {matrix.name!r} is no parameter",
            )
            for letter in matrix.grid:
                self.require(
                    letter == "*" or letter in program.sizes, f"{letter!r} in the grid of {matrix.name!r} is no size"
                )
            staged = matrix.stage is None or (
                matrix.role == "temporary" and 0 <= matrix.stage < len(matrix.grid) and matrix.grid[matrix.stage] == "*"
            )
            self.require(staged, f"matrix {matrix.name!r} has no stages")
            self.require(
                matrix.base is None or matrix.base in self.matrices, f"matrix {matrix.name!r} is based on nothing"
            )
        self.block(program.body, frozenset(program.sizes))
        for matrix in program.matrices:
            self.require(
                matrix.role != "output" or matrix.name in self.written,
                f"output {matrix.name!r} is written by nothing",
                remedy="assign its tiles, or make it an Input",
            )

    def block(self, statements: tuple[Statement, ...], known: frozenset[str]) -> None:
        for statement in statements:
            match statement:
                case Assign(targets, value, span):
                    self.require(bool(targets), "an assignment has no target", span)
                    for target in targets:
                        self.target(target, known)
                    self.assigned(value, targets, span)
                    self.tile(value, known)
                case For(loop, body):
                    self.block(body, self.clauses((loop,), known))
                case If(condition, body, orelse):
                    self.condition(condition, known)
                    self.block(body, known)
                    self.block(orelse, known)

    def assigned(self, value: TileExpression, targets: tuple[Target, ...], span: Span | None) -> None:
        """Check that as many tiles are computed as assigned."""
        several = len(targets) != 1 or any(target.clauses for target in targets)
        results: int | str = 1
        if isinstance(value, Call):
            self.require(value.kernel in self.program.kernels, f"unknown kernel {value.kernel!r}", span)
            results = self.program.kernels[value.kernel].results
        if results == "any":
            return
        fits = (
            not several if results == 1 else len(targets) == results and not any(target.clauses for target in targets)
        )
        self.require(fits, f"{results} tile{'s' * (results != 1)} cannot be assigned to these targets", span)

    def target(self, target: Target, known: frozenset[str]) -> None:
        inner = self.clauses(target.clauses, known)
        self.access(target.access, inner)
        matrix = self.matrices[target.access.matrix]
        self.require(
            matrix.role != "input", f"{matrix.name!r} is an input, and inputs are only read", target.access.span
        )
        self.written.add(matrix.name)

    def access(self, access: Access, known: frozenset[str]) -> None:
        matrix = self.matrices.get(access.matrix)
        if matrix is None:
            raise error(f"unknown matrix {access.matrix!r}", access.span or self.span)
        self.require(
            len(access.index) == len(matrix.grid),
            f"{matrix.name!r} has {len(matrix.grid)} indices, and {len(access.index)} came",
            access.span,
        )
        for part in access.index:
            self.index(part, known, access.span)

    def index(self, index: Index, known: frozenset[str], span: Span | None = None) -> None:
        for name in names(index):
            self.require(name in known, f"unknown name {name!r}", span)

    def condition(self, condition: Condition, known: frozenset[str], span: Span | None = None) -> None:
        for name in condition_names(condition):
            self.require(name in known, f"unknown name {name!r}", span)

    def clauses(self, clauses: tuple[Clause, ...], known: frozenset[str]) -> frozenset[str]:
        """Check clauses; the names that mean something behind them."""
        for clause in clauses:
            if isinstance(clause, Guard):
                self.condition(clause.condition, known, clause.span)
                continue
            for part in (clause.start, clause.stop, clause.step):
                self.index(part, known, clause.span)
            self.require(clause.step != Int(0), "the step of a range cannot be 0", clause.span)
            taken = (
                clause.variable in known or clause.variable in self.matrices or clause.variable in self.program.scalars
            )
            self.require(not taken, f"{clause.variable!r} already means something here", clause.span)
            known |= {clause.variable}
            self.require(
                len(known) - len(self.program.sizes) <= DEEPEST,
                f"more than {DEEPEST} loops inside one another",
                clause.span,
            )
        return known

    def tile(self, value: Argument, known: frozenset[str], *, nested: bool = False) -> None:
        match value:
            case Access():
                self.access(value, known)
            case Choice(condition, then, otherwise):
                self.condition(condition, known)
                self.tile(then, known, nested=True)
                self.tile(otherwise, known, nested=True)
            case Call():
                self.call(value, known, nested=nested)
            case Arithmetic(_, left, right):
                self.tile(left, known, nested=True)
                self.tile(right, known, nested=True)
            case Scaled(factor, operand):
                self.scalar(factor, known)
                self.tile(operand, known, nested=True)
            case Minus(operand) | Flipped(_, operand):
                self.tile(operand, known, nested=True)
            case Sum(term, clauses):
                self.tile(term, self.clauses(clauses, known), nested=True)
            case Listing(items, clauses):
                inner = self.clauses(clauses, known)
                for item in items:
                    self.tile(item, inner, nested=True)

    def call(self, call: Call, known: frozenset[str], *, nested: bool) -> None:
        kernel = self.program.kernels.get(call.kernel)
        if kernel is None:
            raise error(f"unknown kernel {call.kernel!r}", call.span or self.span)
        self.require(
            not nested or kernel.results == 1,
            f"kernel {kernel.name!r} gives several tiles, and one is wanted",
            call.span,
        )
        options = [option.name for option in call.options]
        self.require(len(set(options)) == len(options), "an option is given twice", call.span)
        try:
            signature(kernel).bind(*[None] * len(call.arguments), **dict.fromkeys(options))
        except TypeError as failure:
            raise error(
                f"kernel {kernel.name!r} does not take these arguments: {failure}", call.span or self.span
            ) from None
        for argument in call.arguments:
            self.tile(argument, known, nested=True)
        for option in call.options:
            if not isinstance(option.value, str | bool):
                self.scalar(option.value, known)

    def scalar(self, scalar: Scalar, known: frozenset[str]) -> None:
        match scalar:
            case Parameter(name):
                self.require(name in self.program.scalars, f"unknown scalar {name!r}")
            case Whole(index):
                self.index(index, known)
            case Product(left, right):
                self.scalar(left, known)
                self.scalar(right, known)
            case Opposite(operand):
                self.scalar(operand, known)
            case Number():
                pass
