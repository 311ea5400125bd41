"""Random programs, as text: nested loops, steps, conditions, sums, lists, stages, trees, slices, several statements."""

from hypothesis import strategies as st

HEAD = """@program(A="n n", B="n", X="n n")
def random(A: Input, B: Input, X: Output, alpha: Scalar, d: Size):
    S = stages(A)
    T = temporary("* *")
    U = temporary("*")
"""
RANKS = {"A": 2, "B": 1, "X": 2, "T": 2, "U": 1, "S": 3}
WRITTEN = ("X", "T", "U", "S")


@st.composite
def programs(draw):
    """Text of a program; it may well read what nothing writes, or write a tile twice."""
    return Writer(draw).program()


class Writer:
    def __init__(self, draw):
        self.draw = draw
        self.count = 0

    def pick(self, *choices):
        return self.draw(st.sampled_from(choices))

    def chance(self, percent):
        return self.draw(st.integers(0, 99)) < percent

    def fresh(self):
        self.count += 1
        return f"v{self.count}"

    def program(self):
        lines = self.block("    ", (), 3, self.pick(1, 2, 3))
        # Every output is written by something.
        lines += ["    for last in range(n):", f"        X[last, {self.index(('last',))}] = {self.tile(('last',), 2)}"]
        return HEAD + "\n".join(lines) + "\n"

    def block(self, indent, names, loops, statements):
        lines = []
        for _ in range(statements):
            kind = self.pick("for", "for", "if", "assign") if loops else self.pick("if", "assign", "assign")
            if kind == "for":
                name = self.fresh()
                lines.append(f"{indent}for {name} in {self.range(names)}:")
                lines += self.block(indent + "    ", (*names, name), loops - 1, self.pick(1, 1, 2))
            elif kind == "if" and names:
                lines.append(f"{indent}if {self.condition(names)}:")
                lines += self.block(indent + "    ", names, 0, 1)
                if self.chance(40):
                    lines.append(f"{indent}else:")
                    lines += self.block(indent + "    ", names, 0, 1)
            else:
                lines.append(f"{indent}{self.assignment(names)}")
        return lines

    def assignment(self, names):
        if self.chance(15):
            return f"{self.target(names)}, {self.target(names)} = qr({self.tile(names, 1)})"
        if self.chance(15):
            start, stop = self.index(names), self.pick("n", "d", self.index(names))
            return f"T[{self.index(names)}, {start}:{stop}] = scatter({self.tile(names, 1)})"
        return f"{self.target(names)} = {self.tile(names, 2)}"

    def target(self, names):
        matrix = self.pick(*WRITTEN)
        indices = [self.index(names) for _ in range(RANKS[matrix])]
        if matrix == "S":
            indices[0] = f"{indices[0]} + 1"
        return f"{matrix}[{', '.join(indices)}]"

    def access(self, names):
        matrix = self.pick(*RANKS)
        return f"{matrix}[{', '.join(self.index(names) for _ in range(RANKS[matrix]))}]"

    def index(self, names):
        if not names or self.chance(10):
            return self.pick("0", "1", "n - 1", "d")
        v, w = self.pick(*names), self.pick(*names)
        return self.pick(
            v, v, v, v, f"{v} + 1", f"{v} - 1", f"{v} + d", f"n - 1 - {v}", f"2 * {v}", f"2 * {v} + {w}", f"{v} // 2",
            f"{v} % 2", f"{v} + {w}", f"{v} - {w}", f"-{v}", f"min({v}, {w})", f"max({v} - 1, 0)", f"{v} + 2 ** {w}",
            f"3 * {v} - 2 * {w}", f"{v} * {w}", f"log2({v})", f"{v} // d", f"{v} * 2 ** {w}",
            f"{v} // {w}", f"2 ** ({v} - 1)", f"(2 * {v} + 1) // 3", f"{v} - 2 * {w} + 3", f"n - {v} - {w}",
        )  # fmt: skip

    def range(self, names):
        if not names:
            return self.pick("range(n)", "range(0, n, d)", "range(n - 1, -1, -1)", "range(log2(n))", "range(1, n)")
        v = self.pick(*names)
        return self.pick(
            "range(n)", f"range({v})", f"range({v} + 1, n)", f"range({v}, min({v} + d, n))",
            f"range(max({v} - 1, 0), n)",
            f"range({v}, n, d)", f"range(n - 1, {v}, -1)", f"range({v} + 2, {v} - 1, -2)", f"range(0, n, 2 ** {v})",
            f"range(0, n - 2 ** {v}, 2 ** ({v} + 1))", f"range({v} // 2, {v} + 1)", f"range(1, 2 * {v} + 1, 2)",
            f"range({v}, {v} + d)", "range(n, 0, -2)", f"range({v} % 2, n, 2)",
        )  # fmt: skip

    def condition(self, names):
        v = self.pick(*names)
        simple = self.pick(
            f"{v} > 0", f"{v} == 1", f"{v} != 1", f"{v} + d < n", f"{v} % 2 == 0", f"0 < {v} <= d",
            f"{v} == {self.pick(*names)}", f"{v} < {self.index(names)}", f"{self.index(names)} == {self.index(names)}",
        )  # fmt: skip
        if self.chance(20):
            return f"{simple} {self.pick('and', 'or')} {self.condition(names)}"
        return f"not ({simple})" if self.chance(10) else simple

    def clauses(self, names):
        inner, text = names, ""
        for _ in range(self.pick(1, 1, 2)):
            name = self.fresh()
            text += f" for {name} in {self.range(inner)}"
            inner = (*inner, name)
            if self.chance(25):
                text += f" if {self.condition(inner)}"
        return inner, text

    def tile(self, names, depth):
        if not depth or self.chance(30):
            return self.access(names)
        kind = self.pick(
            "sum", "sum", "+", "-", "@", "scaled", "-x", ".T", ".H", "kernel", "list", "slice", "choice", "ones"
        )
        a = self.tile(names, depth - 1)
        if kind == "sum":
            inner, text = self.clauses(names)
            return f"sum({self.tile(inner, depth - 1)}{text})"
        if kind in {"+", "-", "@"}:
            return f"({a} {kind} {self.tile(names, depth - 1)})"
        if kind == "scaled":
            return f"({self.pick('alpha', '2', '-0.5', '-alpha * 2j', f'({self.index(names)})')} * {a})"
        if kind == "list":
            inner, text = self.clauses(names)
            return f"gather([{self.tile(inner, depth - 1)}{text}])"
        if kind == "choice" and names:
            return f"({a} if {self.condition(names)} else {self.access(names)})"
        return {
            "-x": f"(-{a})",
            ".T": f"({a}).T",
            ".H": f"({a}).H",
            "kernel": f"combine({a}, {self.access(names)}, weight={self.pick('alpha', '3', self.index(names))})",
            "slice": f"gather(T[{self.index(names)}, {self.index(names)}:d])",
            "ones": f"combine({a}, ones())",
        }.get(kind, a)
