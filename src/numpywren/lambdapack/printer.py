"""Programs as text: one canonical way to write each, which parses to the same program."""

from __future__ import annotations

from collections.abc import Iterator

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
    Parameter,
    Product,
    Scalar,
    Scaled,
    Statement,
    Sum,
    Target,
    Whole,
)
from numpywren.lambdapack.program import Program

__all__ = ["text"]

# How tightly things bind, as in Python.
CHOICE, SUM, PRODUCT, SIGN, POWER, ATOM = range(6)


def text(program: Program) -> str:
    """Write a program as the text that it could have been parsed from, with the programs that it calls written out.

    Parameters
    ----------
    program : Program
        The program.

    Returns
    -------
    str
        A decorated function.
    """
    return "\n".join(Printer(program).lines()) + "\n"


def bracketed(inner: str, strength: int, wanted: int) -> str:
    """Text in brackets if it binds less tightly than wanted."""
    return inner if strength >= wanted else f"({inner})"


def index_text(index: Index, wanted: int = CHOICE) -> str:
    """Text of an index expression."""
    match index:
        case Int(value):
            return bracketed(str(value), ATOM if value >= 0 else SIGN, wanted)
        case Name(name):
            return name
        case Binary("**", left, right):
            return bracketed(f"{index_text(left, ATOM)} ** {index_text(right, SIGN)}", POWER, wanted)
        case Binary(op, left, right):
            strength = SUM if op in "+-" else PRODUCT
            return bracketed(f"{index_text(left, strength)} {op} {index_text(right, strength + 1)}", strength, wanted)
        case Negative(operand):
            return bracketed(f"-{index_text(operand, SIGN)}", SIGN, wanted)
        case Extreme(which, operands):
            return f"{which}({', '.join(map(index_text, operands))})"
        case Log2(operand):
            return f"log2({index_text(operand)})"


def condition_text(condition: Condition, *, nested: bool = False) -> str:
    """Text of a condition."""
    match condition:
        case Compare(op, left, right):
            return f"{index_text(left)} {op} {index_text(right)}"
        case Junction(op, operands):
            inner = f" {op} ".join(condition_text(operand, nested=True) for operand in operands)
            return f"({inner})" if nested else inner
        case Not(operand):
            return f"not ({condition_text(operand)})"


def scalar_text(scalar: Scalar, wanted: int = CHOICE) -> str:
    """Text of a scalar."""
    match scalar:
        case Number(complex() as value):
            return bracketed(f"{value.imag!r}j", SIGN if value.imag < 0 else ATOM, wanted)
        case Number(value):
            shown = repr(value)
            return bracketed(shown, SIGN if shown.startswith("-") else ATOM, wanted)
        case Parameter(name):
            return name
        case Whole(index):
            return index_text(index, wanted)
        case Product(left, right):
            return bracketed(f"{scalar_text(left, PRODUCT)} * {scalar_text(right, SIGN)}", PRODUCT, wanted)
        case Opposite(operand):
            return bracketed(f"-{scalar_text(operand, SIGN)}", SIGN, wanted)


def range_text(loop: Loop) -> str:
    """Text of what a loop runs over."""
    parts = [loop.start, loop.stop, loop.step]
    if loop.step == Int(1):
        parts = parts[1:2] if loop.start == Int(0) else parts[:2]
    return f"range({', '.join(map(index_text, parts))})"


def clauses_text(clauses: tuple[Clause, ...]) -> str:
    """Text of the clauses of a comprehension, with a blank in front."""
    return "".join(
        f" if {condition_text(clause.condition)}"
        if isinstance(clause, Guard)
        else f" for {clause.variable} in {range_text(clause)}"
        for clause in clauses
    )


class Printer:
    """Writes one program.

    Parameters
    ----------
    program : Program
        The program.
    """

    def __init__(self, program: Program) -> None:
        self.program = program
        self.matrices = {matrix.name: matrix for matrix in program.matrices}

    def lines(self) -> Iterator[str]:
        """Lines of the text."""
        program = self.program
        grids = (f'{m.name}="{" ".join(m.grid)}"' for m in program.matrices if m.role != "temporary")
        yield f"@program({', '.join(grids)})"
        yield f"def {program.name}({', '.join(map(self.parameter, program.parameters))}):"
        yield from self.doc()
        for matrix in program.matrices:
            if matrix.role == "temporary":
                yield f"    {matrix.name} = {self.declaration(matrix)}"
        yield from self.block(program.body, "    ")

    def doc(self) -> Iterator[str]:
        """Lines of the docstring."""
        if not self.program.doc:
            return
        safe = self.program.doc.replace("\\", "\\\\").replace('"""', '\\"\\"\\"')
        first, *rest = safe.split("\n")
        if not rest:
            yield f'    """{first[:-1]}\\""""' if first.endswith('"') else f'    """{first}"""'
            return
        yield f'    """{first}'
        yield from (f"    {line}" if line else "" for line in rest)
        yield '    """'

    def parameter(self, name: str) -> str:
        """Text of a parameter."""
        if name in self.matrices:
            return f"{name}: {self.matrices[name].role.capitalize()}"
        if name in self.program.scalars:
            return f"{name}: Scalar"
        default = self.program.defaults.get(name)
        return f"{name}: Size" if default is None else f"{name}: Size = {default}"

    def declaration(self, matrix: Matrix) -> str:
        """Text that declares a temporary."""
        if matrix.base is not None:
            return f"stages({matrix.base})"
        grid = ("+" if at == matrix.stage else letter for at, letter in enumerate(matrix.grid))
        return f'temporary("{" ".join(grid)}")'

    def block(self, statements: tuple[Statement, ...], indent: str) -> Iterator[str]:
        """Lines of statements."""
        if not statements:
            yield f"{indent}pass"
        for statement in statements:
            match statement:
                case Assign(targets, value):
                    yield f"{indent}{', '.join(map(self.target, targets))} = {self.tile(value)}"
                case For(loop, body):
                    yield f"{indent}for {loop.variable} in {range_text(loop)}:"
                    yield from self.block(body, indent + "    ")
                case If():
                    yield from self.branches(statement, indent, "if")

    def branches(self, statement: If, indent: str, word: str) -> Iterator[str]:
        """Lines of an ``if``."""
        yield f"{indent}{word} {condition_text(statement.condition)}:"
        yield from self.block(statement.body, indent + "    ")
        match statement.orelse:
            case ():
                return
            case (If() as only,):
                yield from self.branches(only, indent, "elif")
            case others:
                yield f"{indent}else:"
                yield from self.block(others, indent + "    ")

    def target(self, target: Target) -> str:
        """Text of a target; its clauses are slices."""
        slices = {clause.variable: clause for clause in target.clauses if isinstance(clause, Loop)}
        parts = []
        for index in target.access.index:
            if isinstance(index, Name) and index.name in slices:
                loop = slices[index.name]
                step = "" if loop.step == Int(1) else f":{index_text(loop.step)}"
                parts.append(f"{index_text(loop.start)}:{index_text(loop.stop)}{step}")
            else:
                parts.append(index_text(index))
        return f"{target.access.matrix}[{', '.join(parts)}]"

    def access(self, access: Access) -> str:
        """Text of an access."""
        return f"{access.matrix}[{', '.join(map(index_text, access.index)) or '()'}]"

    def staged(self, choice: Choice) -> Access | None:
        """The access ``S[p, …]`` that a choice was made of, if its matrix is declared as stages."""
        match choice:
            case Choice(Compare("==", stage, Int(0)), Access(base, rest), Access(matrix, index) as access):
                if self.matrices[matrix].base == base and index == (stage, *rest) and not isinstance(stage, Int):
                    return access
        return None

    def tile(self, value: Argument, wanted: int = CHOICE) -> str:
        """Text of an expression over tiles."""
        match value:
            case Access():
                return self.access(value)
            case Choice(condition, then, otherwise):
                staged = self.staged(value)
                if staged is not None:
                    return self.access(staged)
                inner = f"{self.tile(then, SUM)} if {condition_text(condition)} else {self.tile(otherwise)}"
                return bracketed(inner, CHOICE, wanted)
            case Call(kernel, arguments, options):
                parts = [self.tile(argument) for argument in arguments]
                for option in options:
                    plain = isinstance(option.value, str | bool)
                    shown = repr(option.value) if plain else scalar_text(option.value)  # type: ignore[arg-type]
                    parts.append(f"{option.name}={shown}")
                return f"{kernel}({', '.join(parts)})"
            case Arithmetic(op, left, right):
                strength = PRODUCT if op == "@" else SUM
                return bracketed(f"{self.tile(left, strength)} {op} {self.tile(right, strength + 1)}", strength, wanted)
            case Scaled(factor, operand):
                return bracketed(f"{scalar_text(factor, PRODUCT)} * {self.tile(operand, SIGN)}", PRODUCT, wanted)
            case Minus(operand):
                return bracketed(f"-{self.tile(operand, SIGN)}", SIGN, wanted)
            case Flipped(how, operand):
                return f"{self.tile(operand, ATOM)}.{how}"
            case Sum(term, clauses):
                return f"sum({self.tile(term)}{clauses_text(clauses)})"
            case Listing(items, ()):
                return f"[{', '.join(map(self.tile, items))}]"
            case Listing(items, clauses):
                return f"[{self.tile(items[0])}{clauses_text(clauses)}]"
