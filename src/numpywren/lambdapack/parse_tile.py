"""From Python syntax to tile expressions and targets."""

from __future__ import annotations

import ast
import inspect
from contextlib import ExitStack

from numpywren.lambdapack.ir import (
    Argument,
    Arithmetic,
    Call,
    Choice,
    Clause,
    Flipped,
    Index,
    Int,
    Listing,
    Loop,
    Minus,
    Name,
    Option,
    OptionValue,
    Scaled,
    Sum,
    Target,
    TileExpression,
)
from numpywren.lambdapack.kernel import Kernel, signature
from numpywren.lambdapack.parse_index import clauses, condition, index, scalar
from numpywren.lambdapack.program import Program
from numpywren.lambdapack.scope import Scope, View

__all__ = ["target", "tile", "view"]


def tile(scope: Scope, node: ast.expr, targets: int = 1) -> TileExpression:
    """Parse an expression whose value is one tile.

    Parameters
    ----------
    scope : Scope
        Names that mean something.
    node : ast.expr
        The expression.
    targets : int
        How many tiles are wanted of it; only a kernel call gives more than one. 0: known at run time only.

    Returns
    -------
    TileExpression
        The expression.
    """
    if targets != 1 and not isinstance(node, ast.Call):
        raise scope.fail(node, "several tiles are assigned, and only a kernel call gives several")
    match node:
        case ast.Subscript():
            found, place = subscript(scope, node)
            if any(isinstance(part, ast.Slice) for part in place):
                raise scope.fail(
                    node, "a slice stands for several tiles", "it may be a target, or an argument of a kernel"
                )
            indices = tuple(index(scope, part) for part in place)
            check_rank(scope, node, found, len(indices))
            return found.read(indices, scope.source.span(node))
        case ast.Name(id=name) if name in scope.views:
            raise scope.fail(
                node, f"{name!r} is a matrix, and a task works on tiles", f"write {example(scope.views[name])}"
            )
        case ast.Name() | ast.Constant():
            raise scope.fail(node, "a number is no tile", "a number may multiply a tile, or be an option of a kernel")
        case ast.BinOp():
            return binary(scope, node)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return Minus(tile(scope, operand))
        case ast.UnaryOp(op=ast.UAdd(), operand=operand):
            return tile(scope, operand)
        case ast.Attribute(value=value, attr="T" | "H" as how):
            return Flipped("T" if how == "T" else "H", tile(scope, value))
        case ast.Attribute(attr=name):
            raise scope.fail(node, f"a tile has .T and .H, not .{name}")
        case ast.IfExp(test=test, body=body, orelse=orelse):
            return Choice(condition(scope, test), tile(scope, body), tile(scope, orelse))
        case ast.Call(func=ast.Name(id="sum")):
            if targets != 1:
                raise scope.fail(node, "several tiles are assigned, and a sum is one")
            return total(scope, node)
        case ast.Call():
            return call(scope, node, targets)
        case ast.ListComp() | ast.List() | ast.GeneratorExp():
            raise scope.fail(node, "a list of tiles may only be an argument of a kernel")
    raise scope.fail(node, "an expression over tiles is made of A[i, j], kernels, + - @, .T .H, scalar *, sum(… for …)")


def example(found: View) -> str:
    """How to name one tile of a matrix."""
    return f"{found.matrix.name}[{', '.join('ijklmnpq'[at % 8] for at in range(len(found.grid)))}]"


def has_tile(scope: Scope, node: ast.expr) -> bool:
    """Whether an expression has anything of a tile in it, and so is no scalar."""
    return any(
        isinstance(part, ast.Subscript)
        or (isinstance(part, ast.Name) and part.id in scope.views)
        or (
            isinstance(part, ast.Call)
            and not (isinstance(part.func, ast.Name) and part.func.id in {"min", "max", "log2"})
        )
        for part in ast.walk(node)
    )


def binary(scope: Scope, node: ast.BinOp) -> TileExpression:
    """Parse ``+ - @`` of two tiles, or ``*`` of a scalar and a tile."""
    left, right = node.left, node.right
    match node.op:
        case ast.Add():
            return Arithmetic("+", tile(scope, left), tile(scope, right))
        case ast.Sub():
            return Arithmetic("-", tile(scope, left), tile(scope, right))
        case ast.MatMult():
            return Arithmetic("@", tile(scope, left), tile(scope, right))
        case ast.Mult():
            if has_tile(scope, left) and has_tile(scope, right):
                raise scope.fail(node, "`*` multiplies a tile by a scalar", "the matrix product is `@`")
            if has_tile(scope, left):
                return Scaled(scalar(scope, right), tile(scope, left))
            return Scaled(scalar(scope, left), tile(scope, right))
        case ast.Div():
            raise scope.fail(
                node, "tiles are not divided", "multiply by the reciprocal, as a number or a Scalar parameter"
            )
    raise scope.fail(node, "tiles are combined with + - @, and with * by a scalar")


def total(scope: Scope, node: ast.Call) -> Sum:
    """Parse ``sum(… for … in range(…))``."""
    match node:
        case ast.Call(args=[ast.GeneratorExp(elt=term, generators=generators)], keywords=[]):
            with clauses(scope, generators) as found:
                return Sum(tile(scope, term), found)
    raise scope.fail(node, "a sum is written `sum(tile for variable in range(...))`")


def subscript(scope: Scope, node: ast.Subscript) -> tuple[View, list[ast.expr]]:
    """Split ``A[i, j]`` into the matrix and its indices."""
    if not isinstance(node.value, ast.Name):
        raise scope.fail(node, "only a matrix has tiles", "write all indices in one pair of brackets: A[i, j]")
    name = node.value.id
    if name not in scope.views:
        if scope.declared(name):
            raise scope.fail(node, f"{name!r} is no matrix")
        raise scope.unknown(node, name)
    place = node.slice.elts if isinstance(node.slice, ast.Tuple) else [node.slice]
    return scope.views[name], place


def check_rank(scope: Scope, node: ast.AST, found: View, given: int) -> None:
    """Refuse a wrong number of indices."""
    wanted = len(found.grid)
    if given != wanted:
        grid = " ".join(found.grid)
        raise scope.fail(
            node, f"{found.matrix.name!r} has {wanted} indices ({grid}), and {given} came", f"write {example(found)}"
        )


def sliced(scope: Scope, node: ast.Subscript, *, own: bool) -> tuple[View, tuple[Index, ...], tuple[Clause, ...]]:
    """Parse ``X[a:b, j]``: the matrix, its indices, and a loop for each slice.

    The variables of these loops are the language's `own`, which no program can write, or else ordinary new names.
    """
    found, place = subscript(scope, node)
    check_rank(scope, node, found, len(place))
    indices: list[Index] = []
    loops: list[Clause] = []
    for at, part in enumerate(place):
        if not isinstance(part, ast.Slice):
            indices.append(index(scope, part))
            continue
        stop = found.grid[at]
        if part.upper is None and stop == "*":
            raise scope.fail(part, "this index has no end of its own", "say where the slice stops")
        start: Index = Int(0) if part.lower is None else index(scope, part.lower)
        end: Index = Name(stop) if part.upper is None else index(scope, part.upper)
        step: Index = Int(1) if part.step is None else index(scope, part.step)
        if isinstance(step, Int) and step.value < 1:
            raise scope.fail(part, "a slice goes up", "use a step of at least 1")
        variable = f"_{len(loops)}" if own else scope.fresh("s")
        indices.append(Name(variable))
        loops.append(Loop(variable, start, end, step, scope.source.span(node)))
    return found, tuple(indices), tuple(loops)


def target(scope: Scope, node: ast.expr) -> Target:
    """Parse what stands left of ``=``."""
    if not isinstance(node, ast.Subscript):
        raise scope.fail(node, "tiles are assigned", "write `X[i, j] = ...`, or `X[a:b, j] = ...` for several")
    found, indices, loops = sliced(scope, node, own=True)
    if found.matrix.role == "input":
        raise scope.fail(
            node,
            f"{found.matrix.name!r} is an input, and inputs are only read",
            "write to an Output, or to stages(...)",
        )
    if found.base is not None and indices and indices[0] == Int(0):
        raise scope.fail(node, f"stage 0 of {found.matrix.name!r} is the original", "stages are written from 1")
    return Target(found.write(indices, scope.source.span(node)), loops)


def view(scope: Scope, node: ast.expr) -> View:
    """Parse a matrix as argument of another program: ``A``, or ``A[s]`` with leading indices fixed."""
    match node:
        case ast.Name(id=name):
            if name not in scope.views:
                raise scope.unknown(node, name)
            return scope.views[name]
        case ast.Subscript():
            found, place = subscript(scope, node)
            if len(place) > len(found.grid):
                check_rank(scope, node, found, len(place))
            if any(isinstance(part, ast.Slice) for part in place):
                raise scope.fail(node, "a section of a matrix fixes leading indices", "write A[s]")
            return found.section(tuple(index(scope, part) for part in place))
        case ast.Attribute(attr="T" | "H"):
            raise scope.fail(
                node, "a program is given matrices as they are stored", "call a program that transposes tiles itself"
            )
    raise scope.fail(node, "a program is given a matrix, or a section of one such as A[s]")


def call(scope: Scope, node: ast.Call, targets: int) -> Call:
    """Parse the call of a kernel."""
    if isinstance(node.func, ast.Name) and node.func.id in {"min", "max", "log2", "range"}:
        raise scope.fail(node, f"`{node.func.id}` gives a number, and a tile is wanted")
    if isinstance(node.func, ast.Name) and node.func.id in {"stages", "temporary"}:
        raise scope.fail(
            node, f"`{node.func.id}` declares a matrix", f"write `S = {node.func.id}(...)` at the top of the program"
        )
    found = scope.resolve(node.func)
    name = ast.unparse(node.func)
    if isinstance(found, Program):
        raise scope.fail(
            node,
            f"{name!r} is a program, and gives no tile",
            "call it as a statement, with the matrices that it writes",
        )
    if not isinstance(found, Kernel):
        raise scope.fail(node, f"{name!r} is no kernel but {type(found).__name__}", "put @kernel above its definition")
    arguments = tuple(argument(scope, part) for part in node.args)
    options: list[Option] = []
    for keyword in node.keywords:
        if keyword.arg is None:
            raise scope.fail(keyword.value, "options are written out", f"write {name}(..., option=value)")
        options.append(Option(keyword.arg, option(scope, keyword.value)))
    check_call(scope, node, found, len(arguments), [made.name for made in options])
    if found.results != "any" and found.results != targets:
        wanted = {0: "several tiles are", 1: "1 tile is"}.get(targets, f"{targets} tiles are")
        raise scope.fail(
            node, f"kernel {name!r} gives {found.results} tile{'s' * (found.results != 1)}, and {wanted} wanted"
        )
    return Call(scope.use_kernel(found), arguments, tuple(options), scope.source.span(node))


def check_call(scope: Scope, node: ast.AST, found: Kernel, arguments: int, options: list[str]) -> None:
    """Refuse arguments that the kernel's function would not take."""
    try:
        signature(found).bind(*[None] * arguments, **dict.fromkeys(options))
    except TypeError as failure:
        raise scope.fail(
            node,
            f"kernel {found.name!r} does not take these arguments: {failure}",
            f"its signature is {found.name}{shown(found)}",
        ) from None


def shown(found: Kernel) -> str:
    """Signature without annotations."""
    bare = signature(found)
    parameters = [part.replace(annotation=inspect.Parameter.empty) for part in bare.parameters.values()]
    return str(bare.replace(parameters=parameters, return_annotation=inspect.Signature.empty))


def argument(scope: Scope, node: ast.expr) -> Argument:
    """Parse an argument of a kernel: a tile, or a list of tiles."""
    match node:
        case ast.ListComp(elt=item, generators=generators):
            with clauses(scope, generators) as found:
                return Listing((tile(scope, item),), found)
        case ast.GeneratorExp():
            raise scope.fail(node, "a kernel takes lists of tiles", "write [… for …], with brackets")
        case ast.List(elts=items):
            return Listing(tuple(tile(scope, item) for item in items))
        case ast.Subscript() if any(isinstance(part, ast.Slice) for part in subscript(scope, node)[1]):
            matrix, indices, loops = sliced(scope, node, own=False)
            with ExitStack() as stack:
                stack.enter_context(scope.binding(*(made.variable for made in loops if isinstance(made, Loop))))
                return Listing((matrix.read(indices, scope.source.span(node)),), loops)
        case ast.Starred():
            raise scope.fail(node, "arguments are written out", "give a list of tiles as one argument: [… for …]")
        case ast.Constant() | ast.Name() if not has_tile(scope, node):
            raise scope.fail(
                node, "arguments of a kernel are tiles", "give a number by name: kernel(A[i, j], option=2)"
            )
    return tile(scope, node)


def option(scope: Scope, node: ast.expr) -> OptionValue:
    """Parse the value of an option: text, a truth value, or a number."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str | bool):
        return node.value
    if has_tile(scope, node):
        raise scope.fail(node, "an option is a number, a text or a truth value; tiles are given by position")
    return scalar(scope, node)


def several(targets: tuple[Target, ...]) -> int:
    """How many tiles are assigned, or 0 if that is known at run time only."""
    return 0 if any(made.clauses for made in targets) else len(targets)


def assigned(scope: Scope, targets: tuple[Target, ...], node: ast.expr) -> TileExpression:
    """Parse the right-hand side of an assignment."""
    return tile(scope, node, several(targets))
