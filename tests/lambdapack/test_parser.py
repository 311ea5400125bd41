"""What can be written, and what every mistake is answered with: place, caret, remedy."""

import pickle
import textwrap

import pytest
from lambdapack.toys import KERNELS, cholesky, parse_text

from numpywren.errors import ProgramError
from numpywren.lambdapack import Input, Output, Program, Task, Tile, kernel, program, stages, syntax
from numpywren.lambdapack.check import check
from numpywren.lambdapack.ir import Access, Arithmetic, Assign, Choice, Compare, For, Int, Matrix, Name, Number, Scaled

AROUND = {**KERNELS, "cholesky": cholesky, "seven": 7}

# Body of a program with `A` (n n) input, `X` (n n) output, sizes n and d, scalar alpha; the text at which the caret
# must point; what the message must say; what the remedy must say.
MISTAKES = {
    "unknown name": ("X[i, 0] = A[0, 0]", "i, 0]", "unknown name 'i'", "known here: n, d, alpha"),
    "misspelt name": ("X[0, alph] = A[0, 0]", "alph]", "unknown name 'alph'", "did you mean 'alpha'?"),
    "unknown matrix": ("X[0, 0] = Z[0, 0]", "Z[0, 0]", "unknown name 'Z'", ""),
    "unknown kernel": ("X[0, 0] = potrv(A[0, 0])", "potrv", "unknown name 'potrv'", "@kernel"),
    "no kernel": ("X[0, 0] = seven(A[0, 0])", "seven(", "'seven' is no kernel but int", "@kernel"),
    "rank": ("X[0] = A[0, 0]", "X[0]", "'X' has 2 indices (n n), and 1 came", "write X[i, j]"),
    "whole matrix": ("X[0, 0] = potrf(A)", "A)", "'A' is a matrix, and a task works on tiles", "write A[i, j]"),
    "write an input": ("A[0, 0] = X[0, 0]", "A[0, 0]", "'A' is an input", "stages"),
    "in place": ("X[0, 0] += A[0, 0]", "X[0, 0] +=", "written once", "stages"),
    "while": ("while d:\n    pass", "while", "there is no `while`", ""),
    "return": ("return X", "return", "returns nothing", "Output"),
    "data dependence": ("if A[0, 0] > 0:\n    pass", "A[0, 0] > 0", "cannot depend on what a tile holds", ""),
    "true division": ("X[n / 2, 0] = A[0, 0]", "n / 2", "does not give an integer", "`//`"),
    "float index": ("X[0.5, 0] = A[0, 0]", "0.5", "an index is an integer, not 0.5", ""),
    "scalar index": ("X[alpha, 0] = A[0, 0]", "alpha", "'alpha' is a scalar", "Size"),
    "matrix as index": ("X[A, 0] = A[0, 0]", "A, 0]", "'A' is a matrix", ""),
    "huge index": ("X[9007199254740993, 0] = A[0, 0]", "9007", "at most 9007199254740991", ""),
    "huge power": ("for i in range(10**30):\n    X[0, 0] = A[0, 0]", "10**30", "at most 9007199254740991", ""),
    "huger power": ("for i in range(n + 10**99):\n    X[0, 0] = A[0, 0]", "10**99", "at most 9007199254740991", ""),
    "huge product": ("X[2**30 * -(2**30), 0] = A[0, 0]", "2**30 *", "at most 9007199254740991", ""),
    "long loop": (
        "for i in range(n):\n    for j in range(10**15):\n        for k in range(n):\n            X[i, j] = A[i, j]",
        "j in",
        "'j' is too long: a program is tried with small sizes, and already with n=1, d=1 there are more than", "Size",
    ),
    "long loop of nothing": (
        "for i in range(10**15):\n    if i < 0:\n        X[i, 0] = A[i, 0]", "i in", "'i' is too long", "Size",
    ),
    "long sum": ("if n > 0:\n    X[0, 0] = sum(A[0, 0] for k in range(10**15))", "k in", "'k' is too long", "Size"),
    "long list": (
        "if n > 0:\n    X[0, 0] = gather([A[k, 0] for k in range(10**15) if k < 0])", "k in", "'k' is too long", "Size",
    ),
    "long row": ("if n > 0:\n    X[0, 0 : 10**15] = scatter(A[0, 0])", "X[0", "this slice is too long", "Size"),
    "elementwise product": ("X[0, 0] = A[0, 0] * A[0, 0]", "A[0, 0] * A", "multiplies a tile by a scalar", "`@`"),
    "quotient": ("X[0, 0] = A[0, 0] / 2", "A[0, 0] / 2", "tiles are not divided", "reciprocal"),
    "number as tile": ("X[0, 0] = A[0, 0] + 1", "1", "a number is no tile", ""),
    "scalar sum": ("X[0, 0] = (alpha + 1) * A[0, 0]", "alpha + 1", "combined with * and unary -", ""),
    "attribute": ("X[0, 0] = A[0, 0].real", "A[0, 0].real", ".T and .H, not .real", ""),
    "iterable": ("for i in [1, 2]:\n    pass", "[1, 2]", "`range(stop)`", ""),
    "two variables": ("for i, j in range(n):\n    pass", "i, j", "a loop has one variable", ""),
    "shadowing": ("for n in range(3):\n    pass", "n in", "'n' already means something", "another name"),
    "reserved": ("for sum in range(n):\n    pass", "sum in", "a word of the language", "another name"),
    "underscore": ("for _i in range(n):\n    pass", "_i in", "starts with an underscore", "another name"),
    "step 0": ("for i in range(0, n, 0):\n    pass", "0):", "cannot be 0", ""),
    "loop else": ("for i in range(n):\n    pass\nelse:\n    pass", "pass", "no `else`", ""),
    "truth of an index": ("if n % 2:\n    pass", "n % 2", "a condition compares", "!= 0"),
    "sum of a list": ("X[0, 0] = sum([A[0, 0]])", "sum([", "sum(tile for variable in range(...))", ""),
    "generator": ("X[0, 0] = gather(A[0, k] for k in range(n))", "(A[0, k] for", "lists of tiles", "[… for …]"),
    "list as tile": ("X[0, 0] = [A[0, 0]]", "[A[0, 0]]", "only be an argument", ""),
    "slice as tile": ("X[0, 0] = A[0:n, 0]", "A[0:n, 0]", "several tiles", "argument"),
    "endless slice": ("T = temporary('*')\nX[0, 0] = gather(T[0:])", "0:]", "no end of its own", "stops"),
    "arity": ("X[0, 0] = potrf(A[0, 0], A[0, 0])", "potrf(", "does not take these arguments", "potrf(a)"),
    "option": ("X[0, 0] = potrf(A[0, 0], side=2)", "potrf(", "unexpected keyword argument 'side'", "potrf(a)"),
    "tile as option": ("X[0, 0] = combine(weight=A[0, 0])", "A[0, 0])", "tiles are given by position", ""),
    "number as argument": ("X[0, 0] = gather(3)", "3)", "arguments of a kernel are tiles", "option=2"),
    "starred": ("X[0, 0] = combine(*A[0, 0])", "*A[0, 0]", "written out", "one argument"),
    "too few results": ("X[0, 0], X[0, 1] = potrf(A[0, 0])", "potrf(", "gives 1 tile, and 2 tiles are wanted", ""),
    "too many results": ("X[0, 0] = qr(A[0, 0])", "qr(", "gives 2 tiles, and 1 tile is wanted", ""),
    "nested results": ("X[0, 0] = potrf(qr(A[0, 0]))", "qr(", "gives 2 tiles, and 1 tile is wanted", ""),
    "sliced results": ("X[0:n, 0] = potrf(A[0, 0])", "potrf(", "gives 1 tile, and several tiles are wanted", ""),
    "several from one": ("X[0, 0], X[0, 1] = A[0, 0]", "A[0, 0]", "only a kernel call gives several", ""),
    "chain": ("X[0, 0] = X[0, 1] = A[0, 0]", "X[0, 0] =", "one assignment is one task", ""),
    "variable": ("m = n + 1", "m =", "only tiles are assigned", "where it is used"),
    "late declaration": ("for i in range(n):\n    T = temporary('n')", "temporary", "at the top", "'*'"),
    "unknown letter": ("T = temporary('n q')", "temporary", "'q' is no size", "sizes are n, d"),
    "bad grid": ("T = temporary('n,n')", "temporary", "'n,n' in a grid is no name", "blanks"),
    "two stages": ("T = temporary('+ + n')", "temporary", "only one index", ""),
    "stage 0": ("S = stages(A)\nS[0, 0, 0] = A[0, 0]", "S[0, 0, 0]", "stage 0 of 'S' is the original", "from 1"),
    "call of a kernel": ("potrf(A[0, 0])", "potrf(", "is no program", "assign it"),
    "program as kernel": ("X[0, 0] = cholesky(A[0, 0])", "cholesky(", "is a program", "as a statement"),
    "call without matrix": ("cholesky(A, depth=1)", "cholesky(", "needs a matrix for 'L'", ""),
    "call without size": ("cholesky(A, X)", "cholesky(", "needs a value for size 'depth'", "depth=1"),
    "call with what nobody has": ("cholesky(A, X, ...)", "cholesky(", "needs a value for size 'depth'", "depth=1"),
    "call with the rest first": ("cholesky(..., A, X, depth=1)", "..., A", "", ""),
    "call with a wrong size": ("cholesky(A, X, n=d, depth=1)", "d, depth", "follows from its matrices", "leave it out"),
    "call with too much": ("cholesky(A, X, n, d, 3)", "3)", "takes 4 arguments, and 5 came", "A, L, n, depth"),
    "call with unknown": ("cholesky(A, X, depth=1, deep=2)", "2)", "'deep' is no parameter", "A, L, n, depth"),
    "call writes an input": ("cholesky(X, A, depth=1)", "A, depth", "'A' is an input", "Output"),
    "call with a transpose": ("cholesky(A.T, X, depth=1)", "A.T", "as they are stored", ""),
    "call with a row": ("cholesky(A[0], X, depth=1)", "A[0]", "with 2 indices for 'A', and this has 1", "A[s]"),
    "call across grids": ("T = temporary('n d')\ncholesky(T, X, depth=1)", "T, X", "and here are 'd'", ""),
    "output not written": ("pass", "def p", "output 'X' is written by nothing", "Input"),
    # What only running the loops shows.
    "unwritten": ("for i in range(n):\n    X[i, i] = -X[i, 0]", "X[i, 0]", "X:0,0, which it writes itself", ""),
    "never written": (
        "for i in range(n):\n    for j in range(i):\n        X[i, j] = A[i, j] - X[j, i]", "X[j, i]",
        "this reads tile X:0,1, which nothing writes (n=2, d=1; i=1, j=0)", "write it first",
    ),
    "no tiles": ("X[0, 0] = A[0, 0]", "X[0, 0]", "this writes tile X:0,0, and 'X' has no tiles (n=0, d=1)", "bounds"),
    "written twice": (
        "for i in range(n):\n    for j in range(n):\n        X[i, 0] = A[i, j]", "X[i, 0]",
        "this writes tile X:0,0, which the task with i=0, j=0 writes too (n=2, d=1; i=0, j=1)", "stages",
    ),
    "written twice elsewhere": (
        "for i in range(n):\n    X[i, 0] = A[i, 0]\nfor i in range(0, n, 2):\n    X[i, 0] = A[0, i]", "X[i, 0] = A[0",
        "this writes tile X:0,0, which the task on line 4 with i=0 writes too (n=1, d=1; i=0)", "stages",
    ),
    "twice at once": (
        "T = temporary('*')\nfor i in range(n):\n    T[i], T[0] = qr(A[0, 0])\n    X[i, i] = T[i]", "T[i], T[0] = qr",
        "T:0 twice", "",
    ),
    "circle": (
        "T = temporary('n')\nfor i in range(n):\n    X[i, 0] = A[i, 0] - T[i]\n    T[i] = potrf(X[i, 0])", "T[i]\n",
        "this waits for itself: 2 tasks read one another's tiles in a circle, T:0 among them", "there before",
    ),
    "outside": (
        "for i in range(n):\n    X[i, 0] = A[i + 1, 0]", "A[i + 1, 0]",
        "this reads tile A:1,0, and index 1 of 'A' goes from 0 to n-1 = 0 (n=1, d=1; i=0)", "bounds",
    ),
    "outside when writing": (
        "for i in range(n):\n    X[i - 1, 0] = A[i, 0]", "X[i - 1, 0]", "this writes tile X:-1,0, and index", "bounds",
    ),
    "stage 0 written": (
        "S = stages(A)\nfor i in range(n):\n    S[i, 0, 0] = A[i, 0]\n    X[i, 0] = A[i, 0]", "S[i, 0, 0]",
        "stage 0 of 'S' is the original", "from 1",
    ),
    "division by zero": (
        "for i in range(n):\n    X[i, 0] = A[n // i, 0]", "A[n // i, 0]", "divides by zero: 1 // 0 (n=1, d=1; i=0)", "",
    ),
    "fraction": (
        "for i in range(2 ** (n - 1)):\n    X[i, 0] = A[i, 0]", "i in", "makes a fraction: 2 ** -1; keep", "guard",
    ),
    "logarithm": (
        "if log2(n - 1) > 0:\n    X[0, 0] = A[0, 0]", "log2(n - 1)", "logarithm of a negative number", "guard",
    ),
    "explosion": (
        "for i in range(n):\n    X[i, 0] = A[10 ** (50 * n), 0]", "A[10 ** (50 * n), 0]",
        "makes a number of more than 128 bits: 10 ** 50", "",
    ),
    "step down": ("for i in range(0, n, n - 1):\n    X[i, 0] = A[i, 0]", "i in", "advances by -1", "guard"),
}  # fmt: skip


def mistaken(body):
    """Error for a program with this body."""
    head = '@program(A="n n", X="n n")\ndef p(A: Input, X: Output, d: Size, alpha: Scalar):\n'
    with pytest.raises(ProgramError) as caught:
        check(parse_text(head + textwrap.indent(body, "    "), AROUND))
    return caught.value


@pytest.mark.parametrize("case", MISTAKES)
def test_mistakes_are_shown_where_they_are(case):
    body, at, message, remedy = MISTAKES[case]
    error = mistaken(body)
    assert message in error.message
    assert remedy in error.remedy
    assert error.filename == "program.py"
    assert (error.text[error.column :] + "\n").startswith(at)
    shown = str(error).split("\n")
    assert shown[0] == f"program.py:{error.line}:{error.column + 1}: {error.message}"
    assert (shown[1][shown[2].index("^") :] + "\n").startswith(at)


def test_messages_read_well(golden):
    golden("errors.txt", "\n\n".join(f"{case}\n{mistaken(body)}" for case, (body, *_) in MISTAKES.items()) + "\n")


HEADS = {
    "no annotation": ('@program(A="n")\ndef p(A, X: Output): pass', "A, X", "says not what it is"),
    "wrong annotation": ('@program(A="n")\ndef p(A: int): pass', "A: int", "says not what it is"),
    "no grid": ("@program()\ndef p(A: Input): pass", "A: Input", "how 'A' is tiled"),
    "grid of a size": ('@program(n="n")\ndef p(n: Size): pass', 'n="n"', "no Input or Output parameter"),
    "grid of nothing": ('@program(B="n")\ndef p(n: Size): pass', 'B="n"', "no Input or Output parameter"),
    "stage in a grid": ('@program(A="+ n")\ndef p(A: Input): pass', 'A="+ n"', "'+' cannot count the tiles"),
    "matrix letter": ('@program(A="B", B="n")\ndef p(A: Input, B: Input): pass', 'A="B"', "'B' cannot count"),
    "numeric grid": ('@program(A="2 n")\ndef p(A: Input): pass', 'A="2 n"', "'2' in a grid is no name"),
    "grid no text": ("@program(A=2)\ndef p(A: Input): pass", "A=2", "not int"),
    "starred": ('@program(A="n")\ndef p(*A: Input): pass', "def p", "plain names"),
    "default of a letter": ('@program(A="n")\ndef p(A: Input, n: Size = 2): pass', "2): pass", "may have a default"),
    "default of a matrix": ('@program(A="n")\ndef p(A: Input = 2): pass', "2): pass", "may have a default"),
    "negative default": ('@program(A="n")\ndef p(A: Input, d: Size = -2): pass', "-2): pass", "0 or more"),
    "word as parameter": ('@program(sum="n")\ndef p(sum: Input): pass', "sum: Input", "a word of the language"),
}  # fmt: skip


@pytest.mark.parametrize("case", HEADS)
def test_mistakes_of_the_signature_are_shown_where_they_are(case):
    text, at, message = HEADS[case]
    with pytest.raises(ProgramError) as caught:
        parse_text(text)
    assert message in caught.value.message
    assert caught.value.text[caught.value.column :].startswith(at)


def test_errors_survive_pickling():
    error = mistaken(MISTAKES["outside"][0])
    again = pickle.loads(pickle.dumps(error))
    assert str(again) == str(error)
    assert isinstance(again, ValueError)


def test_a_program_in_a_function_finds_what_is_around_it():
    scale = 3

    @kernel()
    def local(a): ...

    @program(A="n", X="n")
    def inner(A: Input, X: Output):
        for i in range(n):
            X[i] = local(A[i])

    assert inner.kernels["local"] is local
    assert scale == 3
    with pytest.raises(ProgramError) as caught:

        @program(A="n", X="n")
        def wrong(A: Input, X: Output):
            for i in range(n):
                X[i] = local(A[j])

    error = caught.value
    assert error.filename == __file__
    assert error.text == "                X[i] = local(A[j])"
    assert error.text[error.column :].startswith("j]")
    with open(__file__, encoding="utf-8") as lines:
        assert lines.read().split("\n")[error.line - 1] == error.text


def test_carets_count_characters_not_bytes():
    error = mistaken("X[0, 0] = combine(A[0, 0], weight='äöü', more=zz)")
    assert error.text[error.column :].startswith("combine") or error.text[error.column :].startswith("zz")
    assert (
        mistaken("X[0, 0] = combine(A[0, 0], weight='äöü') + Z[0]").text.index("Z")
        == mistaken("X[0, 0] = combine(A[0, 0], weight='äöü') + Z[0]").column
    )


def test_a_program_is_found_through_a_module():
    import lambdapack.toys as toys

    @program(A="n n", L="n n")
    def caller(A: Input, L: Output):
        toys.cholesky(A, L, depth=2)

    assert caller.count({"n": 5}) == cholesky.count({"n": 5, "depth": 2})

    with pytest.raises(ProgramError, match="has no 'cholesqui'"):

        @program(A="n n", L="n n")
        def misspelt(A: Input, L: Output):
            toys.cholesqui(A, L, depth=2)

    with pytest.raises(ProgramError, match="only a module"):

        @program(A="n n", L="n n")
        def dotted(A: Input, L: Output):
            toys.cholesky.bind(A, L, depth=2)


def test_the_decorator_needs_its_brackets():
    with pytest.raises(TypeError, match="takes the grids of the matrices: write @program"):

        @program
        def bare(A: Input): ...


def test_source_that_cannot_be_read_is_an_error():
    namespace = {"Input": Input, "Output": Output, "program": program}
    code = compile('@program(A="n", X="n")\ndef typed(A: Input, X: Output):\n    pass\n', "<nowhere>", "exec")
    with pytest.raises(ProgramError, match="cannot be read"):
        exec(code, namespace)


def test_programs_and_words_are_not_run_as_python():
    with pytest.raises(TypeError, match="run it with"):
        cholesky(1, 2)
    for word, arguments in ((stages, (1,)), (syntax.temporary, ("n",)), (syntax.log2, (3,))):
        with pytest.raises(TypeError, match="a word of LAmbdaPACK"):
            word(*arguments)


def test_the_tree_is_what_was_written():
    made = parse_text(
        """
        @program(A="m n", X="m n")
        def p(A: Input, X: Output, alpha: Scalar, d: Size = 3):
            "Says little."
            S = stages(A)
            for i in range(m):
                X[i, -1 + n] = 2 * S[i, i, 0] - A[0, 0]
        """
    )
    access = Access("S", (Name("i"), Name("i"), Int(0)))
    choice = Choice(Compare("==", Name("i"), Int(0)), Access("A", (Name("i"), Int(0))), access)
    assert isinstance(made, Program)
    assert (made.name, made.doc, made.parameters) == ("p", "Says little.", ("A", "X", "alpha", "d"))
    assert made.sizes == ("m", "n", "d")
    assert made.scalars == ("alpha",)
    assert dict(made.defaults) == {"d": 3}
    assert made.matrices == (
        Matrix("A", "input", ("m", "n")),
        Matrix("X", "output", ("m", "n")),
        Matrix("S", "temporary", ("*", "m", "n"), 0, "A"),
    )
    (loop,) = made.body
    assert isinstance(loop, For)
    assert loop.loop.stop == Name("m")
    (assign,) = loop.body
    assert isinstance(assign, Assign)
    assert assign.value == Arithmetic("-", Scaled(Number(2), choice), Access("A", (Int(0), Int(0))))


def test_slices_are_lists_of_tiles():
    made = parse_text(
        """
        @program(A="n n", X="n n")
        def p(A: Input, X: Output):
            for i in range(n):
                X[i, 0:n:2] = scatter(A[i, i], A[0:2, i:n])
                X[i, 1:n:2] = scatter(A[i, i], [A[r, c] for r in range(0, 2) for c in range(i, n)])
        """
    )
    sizes = {"n": 3}
    first, second = Task(0, (1,)), Task(1, (1,))
    assert made.writes(first, sizes) == (Tile("X", (1, 0)), Tile("X", (1, 2)))
    assert made.writes(second, sizes) == (Tile("X", (1, 1)),)
    assert made.reads(first, sizes) == made.reads(second, sizes)
    assert made.reads(first, sizes)[1:] == tuple(Tile("A", index) for index in ((0, 1), (0, 2), (1, 2)))
