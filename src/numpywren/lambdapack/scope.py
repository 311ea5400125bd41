"""What the names in a program stand for while it is parsed."""

from __future__ import annotations

import ast
import types
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from difflib import get_close_matches

from numpywren.errors import ProgramError
from numpywren.lambdapack.ir import Access, Choice, Compare, Index, Int, Matrix, TileExpression
from numpywren.lambdapack.kernel import Kernel
from numpywren.lambdapack.source import Source, Span, error

__all__ = ["Scope", "View", "outer_names"]

WORDS = frozenset({"range", "sum", "min", "max", "log2", "stages", "temporary"})
MISSING = object()


@dataclass(frozen=True, slots=True)
class View:
    """A matrix, or the part of one that leading indices leave.

    Parameters
    ----------
    matrix : Matrix
        The matrix.
    prefix : tuple of Index
        Leading indices that are fixed.
    base : View, optional
        For stages: what stage 0 is.
    """

    matrix: Matrix
    prefix: tuple[Index, ...] = ()
    base: View | None = None

    @property
    def grid(self) -> tuple[str, ...]:
        """Grid of what is left."""
        return self.matrix.grid[len(self.prefix) :]

    def section(self, prefix: tuple[Index, ...]) -> View:
        """Fix more leading indices."""
        return replace(self, prefix=self.prefix + prefix)

    def read(self, index: tuple[Index, ...], span: Span | None) -> TileExpression:
        """The tile at `index`, for reading: of the original where the stage is 0."""
        full = self.prefix + index
        if self.base is not None:
            stage, rest = full[0], full[1:]
            if stage == Int(0):
                return self.base.read(rest, span)
            if not isinstance(stage, Int):
                staged = Access(self.matrix.name, full, span)
                return Choice(Compare("==", stage, Int(0)), self.base.read(rest, span), staged)
        return Access(self.matrix.name, full, span)

    def write(self, index: tuple[Index, ...], span: Span | None) -> Access:
        """The tile at `index`, for writing."""
        return Access(self.matrix.name, self.prefix + index, span)


def outer_names(function: Callable[..., object]) -> Callable[[str], object]:
    """Look-up of the names that `function` sees around it: its closure, then its module."""
    closure = function.__closure__ or ()
    cells = dict(zip(function.__code__.co_freevars, closure, strict=False))
    around: Mapping[str, object] = function.__globals__

    def look_up(name: str) -> object:
        if name in cells:
            try:
                return cells[name].cell_contents
            except ValueError:  # assigned only after the program
                return MISSING
        return around.get(name, MISSING)

    return look_up


@dataclass
class Scope:
    """Names of one program."""

    source: Source
    outer: Callable[[str], object]
    sizes: list[str] = field(default_factory=list)
    scalars: list[str] = field(default_factory=list)
    views: dict[str, View] = field(default_factory=dict)
    kernels: dict[str, Kernel] = field(default_factory=dict)
    variables: list[str] = field(default_factory=list)
    #: Every name written in the program: inlining chooses others.
    taken: set[str] = field(default_factory=set)

    def fail(self, node: ast.AST, message: str, remedy: str = "") -> ProgramError:
        """Make the error that points at `node`."""
        return error(message, self.source.span(node), remedy)

    def declared(self, name: str) -> bool:
        """Whether the program itself gives `name` a meaning."""
        return name in self.sizes or name in self.scalars or name in self.views or name in self.variables

    def unknown(self, node: ast.AST, name: str) -> ProgramError:
        """Make the error for a name that nothing explains, with the nearest one that something does."""
        known = [*self.variables, *self.sizes, *self.scalars, *self.views]
        near = get_close_matches(name, known, n=1)
        if near:
            return self.fail(node, f"unknown name {name!r}", f"did you mean {near[0]!r}?")
        return self.fail(node, f"unknown name {name!r}", f"known here: {', '.join(known) or 'nothing'}")

    def check_fresh(self, node: ast.AST, name: str) -> None:
        """Refuse a new name that hides another one."""
        if self.declared(name):
            raise self.fail(node, f"{name!r} already means something here", "choose another name")
        if name.startswith("_"):
            raise self.fail(
                node, f"{name!r} starts with an underscore, as the language's own names do", "choose another name"
            )
        if name in WORDS:
            raise self.fail(node, f"{name!r} is a word of the language", "choose another name")

    @contextmanager
    def binding(self, *names: str) -> Iterator[None]:
        """Have loop variables mean something within a block."""
        self.variables.extend(names)
        try:
            yield
        finally:
            if names:
                del self.variables[-len(names) :]

    def resolve(self, node: ast.expr) -> object:
        """Object that a name, or a dotted name of a module's member, stands for outside the program."""
        if isinstance(node, ast.Attribute):
            owner = self.resolve(node.value)
            if not isinstance(owner, types.ModuleType):
                raise self.fail(node, "only a module may stand before the dot of a kernel or program")
            found = getattr(owner, node.attr, MISSING)
            if found is MISSING:
                raise self.fail(node, f"module {owner.__name__!r} has no {node.attr!r}")
            return found
        if not isinstance(node, ast.Name):
            raise self.fail(node, "only a kernel, a program or a word of the language can be called")
        found = self.outer(node.id)
        if found is MISSING:
            raise self.fail(
                node,
                f"unknown name {node.id!r}",
                "define or import it before the program; kernels are made with @kernel",
            )
        return found

    def use_kernel(self, found: Kernel) -> str:
        """Key under which the program keeps a kernel."""
        return use_kernel(self.kernels, found)

    def fresh(self, name: str) -> str:
        """A name like `name` that nothing in the program uses; it is taken from then on."""
        made, count = name, 1
        while made in self.taken or made in WORDS:
            count += 1
            made = f"{name}_{count}"
        self.taken.add(made)
        return made


def use_kernel(kernels: dict[str, Kernel], found: Kernel) -> str:
    """Key of `found` in `kernels`, added if it is new; two kernels of one name get different keys."""
    key, count = found.name, 1
    while key in kernels and kernels[key].path != found.path:
        count += 1
        key = f"{found.name}_{count}"
    kernels.setdefault(key, found)
    return key
