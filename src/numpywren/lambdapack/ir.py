"""What may be written in a program: the grammar of LAmbdaPACK, as frozen dataclasses.

::

    program    ::= parameters, matrices, body
    statement  ::= For(loop, body) | If(condition, body, orelse) | Assign(targets, value)
    clause     ::= Loop(variable, start, stop, step) | Guard(condition)
    target     ::= Target(access, clauses)                      # several tiles when there are clauses
    tile       ::= Access | Choice | Call | Arithmetic | Scaled | Minus | Flipped | Sum
    argument   ::= tile | Listing(items, clauses)
    scalar     ::= Number | Parameter | Whole(index) | Product | Opposite
    index      ::= Int | Name | Binary | Negative | Extreme | Log2
    condition  ::= Compare | Junction | Not

Loop variables and sizes are both `Name`. A variable is bound once along any path from the program to a leaf. Spans say
where a node was written and take no part in comparisons.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from numpywren.lambdapack.source import Span

__all__ = [
    "Access",
    "Argument",
    "Arithmetic",
    "Assign",
    "Binary",
    "Call",
    "Choice",
    "Clause",
    "Compare",
    "Condition",
    "Extreme",
    "Flipped",
    "For",
    "Guard",
    "If",
    "Index",
    "Int",
    "Junction",
    "Kind",
    "Listing",
    "Log2",
    "Loop",
    "Matrix",
    "Minus",
    "Name",
    "Negative",
    "Not",
    "Number",
    "Opposite",
    "Option",
    "OptionValue",
    "Parameter",
    "Product",
    "Scalar",
    "Scaled",
    "Statement",
    "Sum",
    "Target",
    "TileExpression",
    "Whole",
]


# Index expressions: integers over sizes and loop variables.


@dataclass(frozen=True, slots=True)
class Int:
    """An integer literal."""

    value: int


@dataclass(frozen=True, slots=True)
class Name:
    """A size or a loop variable."""

    name: str


@dataclass(frozen=True, slots=True)
class Binary:
    """``left op right``; ``//`` and ``%`` round as Python's do."""

    op: Literal["+", "-", "*", "//", "%", "**"]
    left: Index
    right: Index


@dataclass(frozen=True, slots=True)
class Negative:
    """``-operand``."""

    operand: Index


@dataclass(frozen=True, slots=True)
class Extreme:
    """``min(...)`` or ``max(...)`` of two or more."""

    which: Literal["min", "max"]
    operands: tuple[Index, ...]


@dataclass(frozen=True, slots=True)
class Log2:
    """The least k with ``2**k >= operand``; 0 for 0 and 1."""

    operand: Index


Index: TypeAlias = Int | Name | Binary | Negative | Extreme | Log2


# Conditions on indices.


@dataclass(frozen=True, slots=True)
class Compare:
    """``left op right``."""

    op: Literal["<", "<=", ">", ">=", "==", "!="]
    left: Index
    right: Index


@dataclass(frozen=True, slots=True)
class Junction:
    """``a and b and ...`` or ``a or b or ...``, evaluated from the left until decided."""

    op: Literal["and", "or"]
    operands: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """``not operand``."""

    operand: Condition


Condition: TypeAlias = Compare | Junction | Not


# Clauses: what stands between a program and a leaf.


@dataclass(frozen=True, slots=True)
class Loop:
    """``for variable in range(start, stop, step)``; `step` is positive, or written with a minus sign."""

    variable: str
    start: Index
    stop: Index
    step: Index
    span: Span | None = field(default=None, compare=False, repr=False)

    @property
    def descending(self) -> bool:
        """Whether the variable counts down."""
        return isinstance(self.step, Negative) or (isinstance(self.step, Int) and self.step.value < 0)


@dataclass(frozen=True, slots=True)
class Guard:
    """``if condition``."""

    condition: Condition
    span: Span | None = field(default=None, compare=False, repr=False)


Clause: TypeAlias = Loop | Guard


# Scalars: numbers known when a run starts.


@dataclass(frozen=True, slots=True)
class Number:
    """A number literal."""

    value: int | float | complex


@dataclass(frozen=True, slots=True)
class Parameter:
    """A `Scalar` parameter of the program."""

    name: str


@dataclass(frozen=True, slots=True)
class Whole:
    """An index expression used as a number."""

    index: Index


@dataclass(frozen=True, slots=True)
class Product:
    """``left * right``."""

    left: Scalar
    right: Scalar


@dataclass(frozen=True, slots=True)
class Opposite:
    """``-operand``."""

    operand: Scalar


Scalar: TypeAlias = Number | Parameter | Whole | Product | Opposite
OptionValue: TypeAlias = str | bool | Scalar


# Tile expressions.


@dataclass(frozen=True, slots=True)
class Access:
    """``matrix[index]``: one tile."""

    matrix: str
    index: tuple[Index, ...]
    span: Span | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Choice:
    """``then if condition else otherwise``; ``S[p, ...]`` of ``S = stages(A)`` becomes one on ``p == 0``."""

    condition: Condition
    then: TileExpression
    otherwise: TileExpression


@dataclass(frozen=True, slots=True)
class Listing:
    """A list of tiles as an argument: the items, once for each binding of the clauses."""

    items: tuple[TileExpression, ...]
    clauses: tuple[Clause, ...] = ()


@dataclass(frozen=True, slots=True)
class Option:
    """``name=value`` in a kernel call."""

    name: str
    value: OptionValue


@dataclass(frozen=True, slots=True)
class Call:
    """``kernel(arguments, options)``; `kernel` is a key of the program's kernels."""

    kernel: str
    arguments: tuple[Argument, ...]
    options: tuple[Option, ...] = ()
    span: Span | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """``left + right``, ``left - right`` or the matrix product ``left @ right``."""

    op: Literal["+", "-", "@"]
    left: TileExpression
    right: TileExpression


@dataclass(frozen=True, slots=True)
class Scaled:
    """``factor * operand``."""

    factor: Scalar
    operand: TileExpression


@dataclass(frozen=True, slots=True)
class Minus:
    """``-operand``."""

    operand: TileExpression


@dataclass(frozen=True, slots=True)
class Flipped:
    """``operand.T`` or ``operand.H``."""

    how: Literal["T", "H"]
    operand: TileExpression


@dataclass(frozen=True, slots=True)
class Sum:
    """``sum(term for ... if ...)``, added up in the order of the loops; zero when there is no term."""

    term: TileExpression
    clauses: tuple[Clause, ...]


TileExpression: TypeAlias = Access | Choice | Call | Arithmetic | Scaled | Minus | Flipped | Sum
Argument: TypeAlias = TileExpression | Listing


# Statements.


@dataclass(frozen=True, slots=True)
class Target:
    """What an assignment writes: one tile, or one for each binding of the clauses."""

    access: Access
    clauses: tuple[Clause, ...] = ()


@dataclass(frozen=True, slots=True)
class Assign:
    """``targets = value``: one kind of task."""

    targets: tuple[Target, ...]
    value: TileExpression
    span: Span | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class For:
    """A loop around statements."""

    loop: Loop
    body: tuple[Statement, ...]


@dataclass(frozen=True, slots=True)
class If:
    """Statements under a condition."""

    condition: Condition
    body: tuple[Statement, ...]
    orelse: tuple[Statement, ...] = ()
    span: Span | None = field(default=None, compare=False, repr=False)


Statement: TypeAlias = For | If | Assign


# Whole programs.


@dataclass(frozen=True, slots=True)
class Matrix:
    """A matrix that a program names.

    Parameters
    ----------
    name : str
        Its name in the program, and in the ids of its tiles.
    role : {"input", "output", "temporary"}
        Whether its tiles are given, asked for, or in between.
    grid : tuple of str
        What counts the tiles along each dimension: a size, or ``*`` where the index is any natural number.
    stage : int, optional
        For a matrix made by ``stages``: the dimension that counts the stages, from 1 (stage 0 is the original).
    base : str, optional
        The matrix that is stage 0, when it is a whole matrix; used for printing only.
    """

    name: str
    role: Literal["input", "output", "temporary"]
    grid: tuple[str, ...]
    stage: int | None = None
    base: str | None = None


@dataclass(frozen=True, slots=True)
class Kind:
    """One assignment, flattened: the tasks that it stands for are the bindings of its path.

    Parameters
    ----------
    number : int
        Index in ``program.kinds``.
    path : tuple of Clause
        Loops and guards around it, outermost first.
    positions : tuple of int
        Position among its neighbours at each level, one more than there are loops. Interleaved with the values of the
        loop variables it orders tasks as running the text would.
    targets : tuple of Target
        Tiles that it writes.
    value : TileExpression
        What it computes.
    """

    number: int
    path: tuple[Clause, ...]
    positions: tuple[int, ...]
    targets: tuple[Target, ...]
    value: TileExpression
    span: Span | None = field(default=None, compare=False, repr=False)

    @property
    def loops(self) -> tuple[Loop, ...]:
        """The loops alone, outermost first; a task's values are in this order."""
        return tuple(clause for clause in self.path if isinstance(clause, Loop))

    @property
    def guards(self) -> tuple[Guard, ...]:
        """The conditions alone."""
        return tuple(clause for clause in self.path if isinstance(clause, Guard))
