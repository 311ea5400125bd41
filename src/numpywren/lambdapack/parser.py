"""From a decorated function to a program."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from numpywren.lambdapack.check import check
from numpywren.lambdapack.inline import inlined
from numpywren.lambdapack.ir import Assign, For, If, Index, Int, Matrix, Name, Scalar, Statement, Target
from numpywren.lambdapack.parse_index import condition, index, loop, scalar
from numpywren.lambdapack.parse_tile import assigned, target, view
from numpywren.lambdapack.program import Program
from numpywren.lambdapack.scope import Scope, View, outer_names
from numpywren.lambdapack.source import Source
from numpywren.lambdapack.verify import verify

__all__ = ["parse", "program"]

#: Programs that come with numpywren are checked before they are shipped: users need not wait for that at each start.
CHECKED_BY_TESTS = "numpywren.algorithms."

ROLES: Final = {"Input": "input", "Output": "output", "Size": "size", "Scalar": "scalar"}


def program(function: None = None, /, **grids: str) -> Callable[[Callable[..., Any]], Program]:
    """Make a function a LAmbdaPACK program: it is parsed and checked, and never run as Python.

    Parameters
    ----------
    function : None
        Takes nothing: `@program` without parentheses is refused.
    **grids : str
        For each matrix parameter, what counts its tiles along each dimension: ``A="m n"``. A name that is also a `Size`
        parameter takes the number of tiles; any other is a size of its own. ``*`` is an index that nothing counts:
        such a program is a part, which other programs call with their temporaries, and is not run by itself.

    Returns
    -------
    callable
        Decorator that gives a `Program`.

    Raises
    ------
    ProgramError
        If the program cannot mean anything; it shows where, and what to write instead.

    Examples
    --------
    >>> from numpywren.lambdapack import Input, Output, program
    >>> @program(A="m n", B="n m")
    ... def transpose(A: Input, B: Output):  # doctest: +SKIP
    ...     for i in range(m):
    ...         for j in range(n):
    ...             B[j, i] = A[i, j].T
    """
    if function is not None:
        raise TypeError('@program takes the grids of the matrices: write @program(A="m n", B="n m")')

    def decorate(written: Callable[..., Any]) -> Program:
        source = Source.of(written)
        made = parse(source, outer_names(written), grids)
        if not written.__module__.startswith(CHECKED_BY_TESTS):
            check(made)
        return made

    return decorate


def parse(source: Source, outer: Callable[[str], object], grids: Mapping[str, str]) -> Program:
    """Parse a program's source; what only running its loops can tell is left to `check`.

    Parameters
    ----------
    source : Source
        Text of the function.
    outer : callable
        Look-up of names around it.
    grids : mapping of str to str
        Grid of each matrix parameter.

    Returns
    -------
    Program
        The program.
    """
    tree = source.parse()
    scope = Scope(source, outer)
    scope.taken.update(part.id for part in ast.walk(tree) if isinstance(part, ast.Name))
    parameters, defaults = signature(scope, tree, grids)
    scope.taken.update((*parameters, *scope.sizes, *scope.scalars, *scope.views))
    statements = tree.body
    if isinstance(statements[0], ast.Expr) and isinstance(statements[0].value, ast.Constant):
        statements = statements[1:]  # the docstring
    body = Parser(scope).block(statements)
    made = Program(
        name=tree.name,
        doc=inspect.cleandoc(ast.get_docstring(tree) or ""),
        parameters=parameters,
        matrices=tuple(found.matrix for found in scope.views.values()),
        sizes=tuple(scope.sizes),
        scalars=tuple(scope.scalars),
        defaults=defaults,
        kernels=scope.kernels,
        body=body,
    )
    verify(made, source.span(tree))
    return made


def signature(scope: Scope, tree: ast.FunctionDef, grids: Mapping[str, str]) -> tuple[tuple[str, ...], dict[str, int]]:
    """Declare a program's parameters; their names, and the defaults of sizes."""
    given = tree.args
    if given.posonlyargs or given.kwonlyargs or given.vararg or given.kwarg:
        raise scope.fail(tree, "parameters of a program are plain names with an annotation", "write `A: Input`")
    roles: dict[str, str] = {}
    for parameter in given.args:
        match parameter.annotation:
            case ast.Name(id=word) | ast.Attribute(attr=word) | ast.Constant(value=str(word)) if word in ROLES:
                roles[parameter.arg] = ROLES[word]
            case _:
                raise scope.fail(
                    parameter,
                    f"parameter {parameter.arg!r} says not what it is",
                    f"write `{parameter.arg}: Input`, or Output, Size or Scalar",
                )
    for name in grids:
        if roles.get(name) not in {"input", "output"}:
            raise scope.fail(
                grid_node(tree, name), f"@program gives a grid for {name!r}, which is no Input or Output parameter"
            )
    letters: dict[str, None] = {}
    for parameter in given.args:
        name, role = parameter.arg, roles[parameter.arg]
        scope.check_fresh(parameter, name)
        if role not in {"input", "output"}:
            continue
        if name not in grids:
            raise scope.fail(parameter, f"nothing says how {name!r} is tiled", f'write @program({name}="m n")')
        grid = grid_of(scope, grid_node(tree, name), grids[name])
        for letter in grid:
            if letter == "*":
                continue  # a part of other programs: it cannot be run by itself
            if letter == "+" or roles.get(letter, "size") != "size":
                raise scope.fail(grid_node(tree, name), f"{letter!r} cannot count the tiles of {name!r}; a size can")
            letters[letter] = None
        scope.views[name] = View(Matrix(name, "input" if role == "input" else "output", grid))
    for letter in letters:
        if letter in scope.views:
            raise scope.fail(tree, f"{letter!r} is both a matrix and a letter of a grid", "choose another letter")
    scope.sizes += [*letters, *(name for name, role in roles.items() if role == "size" and name not in letters)]
    scope.scalars += [name for name, role in roles.items() if role == "scalar"]
    defaults: dict[str, int] = {}
    for parameter, default in zip(given.args[len(given.args) - len(given.defaults) :], given.defaults, strict=True):
        if roles[parameter.arg] != "size" or parameter.arg in letters:
            raise scope.fail(default, "only a Size that counts no tiles may have a default")
        value = index(Scope(scope.source, scope.outer), default)
        if not isinstance(value, Int) or value.value < 0:
            raise scope.fail(default, "the default of a Size is an integer, 0 or more")
        defaults[parameter.arg] = value.value
    return tuple(roles), defaults


def grid_node(tree: ast.FunctionDef, name: str) -> ast.AST:
    """Where the decorator gives a grid."""
    for decorator in tree.decorator_list:
        for keyword in getattr(decorator, "keywords", ()):
            if keyword.arg == name:
                return keyword  # type: ignore[no-any-return]
    return tree


def grid_of(scope: Scope, node: ast.AST, text: object) -> tuple[str, ...]:
    """Split a grid into its letters."""
    if not isinstance(text, str):
        raise scope.fail(node, f"a grid is text such as 'm n', not {type(text).__name__}")
    grid = tuple(text.split())
    for letter in grid:
        if letter not in {"*", "+"}:
            if not letter.isidentifier():
                raise scope.fail(node, f"{letter!r} in a grid is no name", "separate letters by blanks: 'm n'")
            if not scope.declared(letter):
                scope.check_fresh(node, letter)
    return grid


@dataclass
class Parser:
    """Parses statements.

    Parameters
    ----------
    scope : Scope
        Names that mean something.
    around : tuple of str
        Variables of the loops around the statements.
    """

    scope: Scope
    around: tuple[str, ...] = ()
    deep: bool = field(default=False)

    def block(self, statements: Sequence[ast.stmt]) -> tuple[Statement, ...]:
        """Parse statements."""
        return tuple(made for statement in statements for made in self.statement(statement))

    def statement(self, node: ast.stmt) -> tuple[Statement, ...]:
        """Parse a statement; a declaration makes none, and the call of a program several."""
        scope = self.scope
        match node:
            case ast.Assign(targets=[ast.Name(id=name) as place], value=value):
                self.declare(place, name, value)
                return ()
            case ast.Assign(targets=[place], value=value):
                parts = place.elts if isinstance(place, ast.Tuple | ast.List) else [place]
                targets: tuple[Target, ...] = tuple(target(scope, part) for part in parts)
                return (Assign(targets, assigned(scope, targets, value), scope.source.span(node)),)
            case ast.Assign():
                raise scope.fail(node, "one assignment is one task", "write `a, b = kernel(...)` for several tiles")
            case ast.For(target=variable, iter=iterable, body=body, orelse=[]):
                made = loop(scope, variable, iterable)
                with scope.binding(made.variable):
                    inner = Parser(scope, (*self.around, made.variable), deep=True)
                    return (For(made, inner.block(body)),)
            case ast.For():
                raise scope.fail(node.orelse[0], "a loop has no `else`")
            case ast.If(test=test, body=body, orelse=orelse):
                inner = Parser(scope, self.around, deep=True)
                tested = condition(scope, test)
                return (If(tested, inner.block(body), inner.block(orelse), scope.source.span(test)),)
            case ast.Expr(value=ast.Call() as call):
                return self.call(call)
            case ast.Pass():
                return ()
            case ast.AugAssign():
                raise scope.fail(
                    node, "a tile is written once, and never changed", "write its next state to stages(...)"
                )
            case ast.While():
                raise scope.fail(node, "there is no `while`: which tasks there are is known before any of them runs")
            case ast.Return():
                raise scope.fail(node, "a program returns nothing", "it assigns the tiles of its Output parameters")
        raise scope.fail(node, "a statement is an assignment of tiles, a `for`, an `if`, or the call of a program")

    def declare(self, place: ast.Name, name: str, value: ast.expr) -> None:
        """Parse ``S = stages(A)`` and ``T = temporary("m n")``."""
        scope = self.scope
        match value:
            case ast.Call(func=ast.Name(id="stages" | "temporary")) if self.deep:
                raise scope.fail(value, "matrices are declared at the top of a program", "give it one more index: '*'")
            case ast.Call(func=ast.Name(id="stages"), args=[argument], keywords=[]):
                scope.check_fresh(place, name)
                base = view(scope, argument)
                whole = base.matrix.name if not base.prefix and base.base is None else None
                made = View(Matrix(name, "temporary", ("*", *base.grid), 0, whole), (), base)
            case ast.Call(func=ast.Name(id="temporary"), args=[ast.Constant(value=text)], keywords=[]):
                scope.check_fresh(place, name)
                grid = grid_of(scope, value, text)
                for letter in grid:
                    if letter not in {"*", "+"} and letter not in scope.sizes:
                        raise scope.fail(
                            value, f"{letter!r} is no size", f"sizes are {', '.join(scope.sizes) or 'none'}"
                        )
                if grid.count("+") > 1:
                    raise scope.fail(value, "only one index of a matrix counts stages")
                stage = grid.index("+") if "+" in grid else None
                plain = tuple("*" if letter == "+" else letter for letter in grid)
                made = View(Matrix(name, "temporary", plain, stage))
            case ast.Call(func=ast.Name(id="stages" | "temporary" as word)):
                raise scope.fail(value, f"`{word}` takes one argument", 'write stages(A), or temporary("* m n")')
            case _:
                raise scope.fail(
                    place, f"{name!r} is no tile, and only tiles are assigned", "write the expression where it is used"
                )
        scope.views[name] = made
        scope.taken.add(name)

    def call(self, node: ast.Call) -> tuple[Statement, ...]:
        """Parse the call of another program."""
        scope = self.scope
        callee = scope.resolve(node.func)
        shown = ast.unparse(node.func)
        if not isinstance(callee, Program):
            raise scope.fail(node, f"{shown!r} is no program, and what it gives goes nowhere", "assign it to a tile")
        given, rest = self.arguments(node, callee)
        views: dict[str, View] = {}
        sizes: dict[str, Index] = {}
        scalars: dict[str, Scalar] = {}
        remedy = "give it by name, as in {}=1"
        roles = {matrix.name: matrix for matrix in callee.matrices}
        for name in callee.parameters:
            if name in roles:
                if name not in given:
                    raise scope.fail(node, f"program {shown!r} needs a matrix for {name!r}")
                views[name] = self.matrix(given[name], shown, roles[name], sizes)
        for name in (*callee.parameters, *callee.sizes):
            if name in roles or name in sizes:
                if name in sizes and name in given and index(scope, given[name]) != sizes[name]:
                    raise scope.fail(
                        given[name], f"size {name!r} of {shown!r} follows from its matrices", "leave it out"
                    )
            elif name in callee.scalars:
                if name not in given and rest and name in scope.scalars:
                    given[name] = ast.copy_location(ast.Name(name), node)
                if name not in given:
                    raise scope.fail(node, f"program {shown!r} needs a value for scalar {name!r}", remedy.format(name))
                scalars[name] = scalar(scope, given[name])
            elif name in given:
                sizes[name] = index(scope, given[name])
            elif rest and name in scope.sizes:
                sizes[name] = Name(name)
            elif name in callee.defaults:
                sizes[name] = Int(callee.defaults[name])
            else:
                raise scope.fail(node, f"program {shown!r} needs a value for size {name!r}", remedy.format(name))
        return inlined(scope, callee, views, sizes, scalars, self.around)

    def arguments(self, node: ast.Call, callee: Program) -> tuple[dict[str, ast.expr], bool]:
        """Match arguments with parameters; and whether the rest are the caller's of the same names."""
        scope = self.scope
        args = list(node.args)
        rest = bool(args) and isinstance(args[-1], ast.Constant) and args[-1].value is ...
        if rest:
            args.pop()
        if len(args) > len(callee.parameters):
            raise scope.fail(
                args[len(callee.parameters)],
                f"program {callee.name!r} takes {len(callee.parameters)} arguments, and {len(args)} came",
                f"its parameters are {', '.join(callee.parameters)}",
            )
        given: dict[str, ast.expr] = dict(zip(callee.parameters, args, strict=False))
        known = {*callee.parameters, *callee.sizes}
        for keyword in node.keywords:
            if keyword.arg not in known or keyword.arg in given:
                what = "is given twice" if keyword.arg in given else "is no parameter"
                raise scope.fail(
                    keyword.value,
                    f"{keyword.arg!r} {what} of program {callee.name!r}",
                    f"it has {', '.join(callee.parameters)}",
                )
            given[keyword.arg] = keyword.value
        return given, rest

    def matrix(self, node: ast.expr, shown: str, wanted: Matrix, sizes: dict[str, Index]) -> View:
        """Match a matrix argument with a parameter, and its grid with the callee's sizes."""
        scope = self.scope
        found = view(scope, node)
        if wanted.role == "output" and found.matrix.role == "input":
            raise scope.fail(
                node, f"{shown!r} writes {wanted.name!r}, and {found.matrix.name!r} is an input", "give it an Output"
            )
        if len(found.grid) != len(wanted.grid):
            raise scope.fail(
                node,
                f"{shown!r} wants a matrix with {len(wanted.grid)} indices for {wanted.name!r}, and this has"
                f" {len(found.grid)} ({' '.join(found.grid)})",
                "fix leading indices: A[s]",
            )
        for letter, count in zip(wanted.grid, found.grid, strict=True):
            if letter == "*" or count == "*":
                continue  # to be given by name
            if sizes.setdefault(letter, Name(count)) != Name(count):
                raise scope.fail(
                    node,
                    f"{shown!r} wants as many tiles in {wanted.name!r} as elsewhere along {letter!r}, and here are"
                    f" {count!r}",
                    f'its grid is {wanted.name}="{" ".join(wanted.grid)}"',
                )
        return found
