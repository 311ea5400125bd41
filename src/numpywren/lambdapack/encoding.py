"""Programs as JSON: nested lists whose first item says what they are.

What comes in is not trusted: every value is checked for its type and its size before it becomes part of a program,
and nothing in it is executed. Kernels travel as names, and the caller decides which may be loaded.
"""

from __future__ import annotations

import functools
import json
import keyword
import math
from collections.abc import Callable
from typing import Any, Final, Literal, NoReturn, cast

from numpywren.errors import ProgramError
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
    Matrix,
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
from numpywren.lambdapack.verify import verify

__all__ = ["decode", "encode"]

VERSION: Final = 1
LARGEST: Final = 2**53 - 1
DEEPEST: Final = 120
MOST_NODES: Final = 20_000
MOST_IN_INDEX: Final = 200
LONGEST_NAME: Final = 100
LONGEST_TEXT: Final = 1_000_000


def encode(program: Program) -> str:
    """Encode a program.

    Parameters
    ----------
    program : Program
        The program.

    Returns
    -------
    str
        One line of ASCII.

    Raises
    ------
    ProgramError
        If another process could not find one of its kernels, or it is too large to be decoded again.
    """
    for kernel in program.kernels.values():
        if "<" in kernel.path:
            raise ProgramError(
                f"kernel {kernel.name!r} is defined inside a function, where a worker cannot find it",
                remedy="define it at the top of a module",
            )
    document = {
        "lambdapack": VERSION,
        "name": program.name,
        "doc": program.doc,
        "parameters": program.parameters,
        "matrices": [(m.name, m.role, m.grid, m.stage, m.base) for m in program.matrices],
        "sizes": program.sizes,
        "scalars": program.scalars,
        "defaults": dict(program.defaults),
        "kernels": {name: kernel.path for name, kernel in program.kernels.items()},
        "body": [encode_statement(statement) for statement in program.body],
    }
    text = json.dumps(document, separators=(",", ":"), allow_nan=False)
    Decoder(dict.fromkeys(program.kernels)).body(json.loads(text)["body"])  # what cannot be read is not written
    return text


def encode_statement(statement: Statement) -> list[Any]:
    match statement:
        case Assign(targets, value):
            return ["assign", [[encode_tile(t.access), encode_clauses(t.clauses)] for t in targets], encode_tile(value)]
        case For(loop, body):
            return [*encode_clause(loop), [encode_statement(inner) for inner in body]]
        case If(condition, body, orelse):
            blocks = [[encode_statement(inner) for inner in block] for block in (body, orelse)]
            return ["if", encode_condition(condition), *blocks]


def encode_clause(clause: Clause) -> list[Any]:
    if isinstance(clause, Guard):
        return ["if", encode_condition(clause.condition)]
    return ["for", clause.variable, *map(encode_index, (clause.start, clause.stop, clause.step))]


def encode_clauses(clauses: tuple[Clause, ...]) -> list[Any]:
    return [encode_clause(clause) for clause in clauses]


def encode_index(index: Index) -> Any:
    match index:
        case Int(value):
            return value
        case Name(name):
            return name
        case Binary(op, left, right):
            return [op, encode_index(left), encode_index(right)]
        case Negative(operand):
            return ["neg", encode_index(operand)]
        case Extreme(which, operands):
            return [which, *map(encode_index, operands)]
        case Log2(operand):
            return ["log2", encode_index(operand)]


def encode_condition(condition: Condition) -> list[Any]:
    match condition:
        case Compare(op, left, right):
            return [op, encode_index(left), encode_index(right)]
        case Junction(op, operands):
            return [op, *map(encode_condition, operands)]
        case Not(operand):
            return ["not", encode_condition(operand)]


def encode_scalar(scalar: Scalar) -> Any:
    match scalar:
        case Number(complex() as value):
            return ["complex", value.real, value.imag]
        case Number(value):
            return value
        case Parameter(name):
            return ["scalar", name]
        case Whole(index):
            return ["index", encode_index(index)]
        case Product(left, right):
            return ["*", encode_scalar(left), encode_scalar(right)]
        case Opposite(operand):
            return ["neg", encode_scalar(operand)]


def encode_tile(value: Argument) -> list[Any]:
    match value:
        case Access(matrix, index):
            return ["tile", matrix, *map(encode_index, index)]
        case Choice(condition, then, otherwise):
            return ["choose", encode_condition(condition), encode_tile(then), encode_tile(otherwise)]
        case Call(kernel, arguments, options):
            values = [[o.name, o.value if isinstance(o.value, str | bool) else encode_scalar(o.value)] for o in options]
            return ["call", kernel, [encode_tile(argument) for argument in arguments], values]
        case Arithmetic(op, left, right):
            return [op, encode_tile(left), encode_tile(right)]
        case Scaled(factor, operand):
            return ["scale", encode_scalar(factor), encode_tile(operand)]
        case Minus(operand):
            return ["neg", encode_tile(operand)]
        case Flipped(how, operand):
            return [how, encode_tile(operand)]
        case Sum(term, clauses):
            return ["sum", encode_tile(term), encode_clauses(clauses)]
        case Listing(items, clauses):
            return ["list", [encode_tile(item) for item in items], encode_clauses(clauses)]


def decode(text: str, load: Callable[[str], Kernel]) -> Program:
    """Decode a program.

    Parameters
    ----------
    text : str
        What `encode` gave, or anything else.
    load : callable
        Finds a kernel by its path, or refuses.

    Returns
    -------
    Program
        The program; the same object for the same text and kernels.

    Raises
    ------
    ProgramError
        If the text is no valid program.
    """
    names, paths = kernel_paths(text)
    return build(text, names, tuple(load(path) for path in paths))


def refuse(what: str, value: Any) -> NoReturn:
    shown = repr(value)
    raise ProgramError(f"no program: {what} is wanted, and {shown[:60] + '…' if len(shown) > 60 else shown} came")


def document_of(text: str) -> dict[str, Any]:
    if len(text) > LONGEST_TEXT:
        raise ProgramError(f"no program: JSON of at most {LONGEST_TEXT} characters is wanted")
    try:
        document = json.loads(text, parse_constant=functools.partial(refuse, "a finite number"))
    except (ValueError, RecursionError) as failure:
        if isinstance(failure, ProgramError):
            raise
        raise ProgramError(f"no program: {str(failure)[:100]}") from failure
    if not isinstance(document, dict) or document.get("lambdapack") != VERSION:
        refuse(f'an object with "lambdapack": {VERSION}', document)
    return document


@functools.lru_cache(maxsize=64)
def kernel_paths(text: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Names and paths of the kernels of an encoded program."""
    kernels = document_of(text).get("kernels")
    if not isinstance(kernels, dict) or len(kernels) > LONGEST_NAME:
        refuse("an object of kernels", kernels)
    for path in kernels.values():
        if not isinstance(path, str) or len(path) > 10 * LONGEST_NAME:
            refuse("the path of a kernel", path)
    return tuple(map(name_of, kernels)), tuple(kernels.values())


@functools.lru_cache(maxsize=64)
def build(text: str, names: tuple[str, ...], kernels: tuple[Kernel, ...]) -> Program:
    """Program of a text whose kernels are loaded."""
    document = document_of(text)
    found = dict(zip(names, kernels, strict=True))
    decoder = Decoder(found)
    doc = document.get("doc")
    defaults = document.get("defaults")
    if not isinstance(doc, str):
        refuse("a docstring", doc)
    if not isinstance(defaults, dict):
        refuse("an object of defaults", defaults)
    program = Program(
        name=name_of(document.get("name")),
        doc=doc,
        parameters=names_of(document.get("parameters")),
        matrices=tuple(map(matrix_of, list_of(document.get("matrices")))),
        sizes=names_of(document.get("sizes")),
        scalars=names_of(document.get("scalars")),
        defaults={name_of(name): natural(value) for name, value in defaults.items()},
        kernels=found,
        body=decoder.body(document.get("body")),
    )
    if not set(program.defaults) <= set(program.sizes):
        refuse("defaults of sizes", defaults)
    verify(program)
    return program


def name_of(value: Any) -> str:
    if isinstance(value, str) and len(value) <= LONGEST_NAME and value.isidentifier() and not keyword.iskeyword(value):
        return value
    refuse("a name", value)


def list_of(value: Any) -> list[Any]:
    if isinstance(value, list) and len(value) <= MOST_NODES:
        return value
    refuse("a list", value)


def names_of(value: Any) -> tuple[str, ...]:
    return tuple(map(name_of, list_of(value)))


def natural(value: Any) -> int:
    if type(value) is int and 0 <= value <= LARGEST:
        return value
    refuse("a natural number", value)


def matrix_of(value: Any) -> Matrix:
    match value:
        case [name, "input" | "output" | "temporary" as role, list(grid), stage, base] if len(grid) <= LONGEST_NAME:
            return Matrix(
                name_of(name),
                cast(Literal["input", "output", "temporary"], role),
                tuple("*" if letter == "*" else name_of(letter) for letter in grid),
                None if stage is None else natural(stage),
                None if base is None else name_of(base),
            )
    refuse("a matrix", value)


class Decoder:
    """Decodes the statements of one program.

    Parameters
    ----------
    kernels : collection of str
        Names of its kernels.
    """

    def __init__(self, kernels: Any) -> None:
        self.kernels = kernels
        self.nodes = 0
        self.depth = 0

    def enter(self, value: Any) -> None:
        """Count a node, and refuse one too many or too deep."""
        self.nodes += 1
        if self.nodes > MOST_NODES or self.depth > DEEPEST:
            raise ProgramError(f"no program: more than {MOST_NODES} parts, or nested more than {DEEPEST} deep")

    def body(self, value: Any) -> tuple[Statement, ...]:
        """Decode statements."""
        self.depth += 1
        found = tuple(map(self.statement, list_of(value)))
        self.depth -= 1
        return found

    def statement(self, value: Any) -> Statement:
        """Decode a statement."""
        self.enter(value)
        match value:
            case ["assign", list(targets), result]:
                return Assign(tuple(map(self.target, targets)), self.tile(result))
            case ["for", variable, start, stop, step, body]:
                return For(self.loop(variable, start, stop, step), self.body(body))
            case ["if", condition, body, orelse]:
                return If(self.condition(condition), self.body(body), self.body(orelse))
        refuse("a statement", value)

    def target(self, value: Any) -> Target:
        """Decode a target."""
        match value:
            case [access, clauses]:
                found = self.tile(access)
                if isinstance(found, Access):
                    return Target(found, self.clauses(clauses))
        refuse("a target", value)

    def loop(self, variable: Any, start: Any, stop: Any, step: Any) -> Loop:
        """Decode a loop."""
        return Loop(name_of(variable), self.index(start), self.index(stop), self.index(step))

    def clauses(self, value: Any) -> tuple[Clause, ...]:
        """Decode clauses."""
        return tuple(map(self.clause, list_of(value)))

    def clause(self, value: Any) -> Clause:
        """Decode a clause."""
        self.enter(value)
        match value:
            case ["for", variable, start, stop, step]:
                return self.loop(variable, start, stop, step)
            case ["if", condition]:
                return Guard(self.condition(condition))
        refuse("a loop or condition", value)

    def index(self, value: Any) -> Index:
        """Decode an index expression."""
        before = self.nodes
        found = self.inner_index(value)
        if self.nodes - before > MOST_IN_INDEX:
            raise ProgramError(f"no program: an index expression has more than {MOST_IN_INDEX} parts")
        return found

    def inner_index(self, value: Any) -> Index:
        self.enter(value)
        if isinstance(value, str):
            return Name(name_of(value))
        if type(value) is int and -LARGEST <= value <= LARGEST:
            return Int(value)
        self.depth += 1
        match value:
            case ["+" | "-" | "*" | "//" | "%" | "**" as op, left, right]:
                found: Index = Binary(cast(Any, op), self.inner_index(left), self.inner_index(right))
            case ["neg", operand]:
                found = Negative(self.inner_index(operand))
            case ["min" | "max" as which, _, _, *_]:
                found = Extreme(cast(Any, which), tuple(map(self.inner_index, value[1:])))
            case ["log2", operand]:
                found = Log2(self.inner_index(operand))
            case _:
                refuse("an index expression", value)
        self.depth -= 1
        return found

    def condition(self, value: Any) -> Condition:
        """Decode a condition."""
        self.enter(value)
        self.depth += 1
        match value:
            case ["<" | "<=" | ">" | ">=" | "==" | "!=" as op, left, right]:
                found: Condition = Compare(cast(Any, op), self.index(left), self.index(right))
            case ["and" | "or" as op, _, *_]:
                found = Junction(cast(Any, op), tuple(map(self.condition, value[1:])))
            case ["not", operand]:
                found = Not(self.condition(operand))
            case _:
                refuse("a condition", value)
        self.depth -= 1
        return found

    def scalar(self, value: Any) -> Scalar:
        """Decode a scalar."""
        self.enter(value)
        if type(value) is float and math.isfinite(value):
            return Number(value)
        if type(value) is int and -LARGEST <= value <= LARGEST:
            return Number(value)
        self.depth += 1
        match value:
            case ["complex", int() | float() as real, int() | float() as imaginary]:
                found: Scalar = Number(complex(real, imaginary))
            case ["scalar", name]:
                found = Parameter(name_of(name))
            case ["index", index]:
                found = Whole(self.index(index))
            case ["*", left, right]:
                found = Product(self.scalar(left), self.scalar(right))
            case ["neg", operand]:
                found = Opposite(self.scalar(operand))
            case _:
                refuse("a number", value)
        self.depth -= 1
        return found

    def option(self, value: Any) -> Option:
        """Decode an option of a kernel."""
        match value:
            case [name, given]:
                plain = isinstance(given, bool) or (isinstance(given, str) and len(given) <= LONGEST_NAME)
                found: OptionValue = given if plain else self.scalar(given)
                return Option(name_of(name), found)
        refuse("an option", value)

    def tile(self, value: Any) -> TileExpression:
        """Decode an expression whose value is a tile."""
        found = self.argument(value)
        if isinstance(found, Listing):
            refuse("one tile", value)
        return found

    def argument(self, value: Any) -> Argument:
        """Decode an argument of a kernel."""
        self.enter(value)
        self.depth += 1
        match value:
            case ["tile", matrix, *index]:
                found: Argument = Access(name_of(matrix), tuple(map(self.index, index)))
            case ["choose", condition, then, otherwise]:
                found = Choice(self.condition(condition), self.tile(then), self.tile(otherwise))
            case ["call", str(kernel), list(arguments), list(options)] if kernel in self.kernels:
                found = Call(kernel, tuple(map(self.argument, arguments)), tuple(map(self.option, options)))
            case ["+" | "-" | "@" as op, left, right]:
                found = Arithmetic(cast(Any, op), self.tile(left), self.tile(right))
            case ["scale", factor, operand]:
                found = Scaled(self.scalar(factor), self.tile(operand))
            case ["neg", operand]:
                found = Minus(self.tile(operand))
            case ["T" | "H" as how, operand]:
                found = Flipped(cast(Any, how), self.tile(operand))
            case ["sum", term, clauses]:
                found = Sum(self.tile(term), self.clauses(clauses))
            case ["list", list(items), clauses]:
                found = Listing(tuple(map(self.tile, items)), self.clauses(clauses))
            case _:
                refuse("an expression over tiles", value)
        self.depth -= 1
        return found
