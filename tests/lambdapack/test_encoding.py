"""JSON: the same program comes back, and nothing else comes in."""

import copy
import json
import pickle

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lambdapack.random_programs import programs
from lambdapack.toys import PROGRAMS, cholesky, parse_text, solve

from numpywren.errors import KernelNotAllowedError, NumpywrenError, ProgramError
from numpywren.lambdapack import Program, Tile, kernel, load_kernel


def load(path):
    return load_kernel(path, {"lambdapack.toys"})


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.name)
def test_programs_come_back(program):
    text = program.to_json()
    again = Program.from_json(text, load)
    assert again == program
    assert again.to_json() == text
    assert text.isascii()
    assert "\n" not in text


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(programs())
def test_random_programs_come_back(text):
    program = parse_text(text)
    assert Program.from_json(program.to_json(), load) == program


def test_the_text_does_not_grow_with_the_matrix():
    before = cholesky.to_json()
    for n in (1_000, 1_000_000):
        flow = cholesky.bind({"n": n, "depth": 1})
        flow.readers(Tile("L", (n - 1, n - 1)))
        assert flow.program.to_json() == before
    assert len(before) < 3000


def test_the_same_text_is_decoded_once():
    text = solve.to_json()
    assert Program.from_json(text, load) is Program.from_json(text, lambda path: load(path))


def test_programs_do_not_pickle():
    with pytest.raises(TypeError):
        pickle.dumps(cholesky)


def test_kernels_inside_functions_do_not_travel():
    @kernel()
    def hidden(a): ...

    made = parse_text(
        '@program(A="n", X="n")\ndef p(A: Input, X: Output):\n    X[0] = hidden(A[0])', {"hidden": hidden}
    )
    with pytest.raises(ProgramError, match="'hidden' is defined inside a function"):
        made.to_json()


def test_kernels_are_loaded_only_from_allowed_modules():
    with pytest.raises(KernelNotAllowedError, match=r"kernels\.modules"):
        Program.from_json(cholesky.to_json())
    document = json.loads(cholesky.to_json())
    for path in ("os:system", "builtins:eval", "lambdapack.toys:textwrap.dedent", "lambdapack.toys:nothing", "nowhere"):
        document["kernels"]["potrf"] = path
        with pytest.raises(KernelNotAllowedError):
            Program.from_json(json.dumps(document), load)


def deep(levels):
    value = 1
    for _ in range(levels):
        value = ["neg", value]
    return value


def deep_statements(levels):
    value = []
    for _ in range(levels):
        value = [["if", ["<", 0, 1], value, []]]
    return value


HOSTILE = {
    "no json": "{",
    "no object": "[]",
    "other version": '{"lambdapack": 2}',
    "infinity": '{"lambdapack": Infinity}',
    "deep brackets": "[" * 100_000,
    "long integer": '{"lambdapack": 1' + "0" * 10_000 + "}",
    "too long": " " * 1_000_001,
}


@pytest.mark.parametrize("case", HOSTILE)
def test_texts_that_are_no_programs(case):
    with pytest.raises(ProgramError, match="no program"):
        Program.from_json(HOSTILE[case], load)


def set_in(document, path, value):
    made = copy.deepcopy(document)
    *way, last = path
    inner = made
    for step in way:
        inner = inner[step]
    inner[last] = value
    return made


ASSIGN = ("body", 0, 5, 0, 5, 0)  # L[j, j] = potrf(...)
CHANGES = {
    "name is an expression": (("name",), "__import__('os')"),
    "name is a keyword": (("name",), "class"),
    "name is long": (("name",), "x" * 101),
    "doc is no text": (("doc",), 3),
    "size twice": (("sizes",), ["n", "n", "depth"]),
    "size is no text": (("sizes",), [1]),
    "unknown default": (("defaults",), {"k": 1}),
    "negative default": (("defaults",), {"depth": -1}),
    "default is true": (("defaults",), {"depth": True}),
    "matrix role": (("matrices", 0, 1), "everything"),
    "grid letter": (("matrices", 0, 2), ["n", "q"]),
    "stage of an input": (("matrices", 0, 3), 0),
    "stage too far": (("matrices", 2, 3), 7),
    "unknown base": (("matrices", 2, 4), "Q"),
    "parameters": (("parameters",), ["A", "L", "Q"]),
    "matrix is no parameter": (("parameters",), ["A", "n", "depth"]),
    "kernels": (("kernels",), []),
    "kernel path": (("kernels", "potrf"), 3),
    "body": (("body",), {}),
    "unknown statement": (("body", 0, 0), "while"),
    "loop variable": (("body", 0, 1), "n"),
    "loop variable is a number": (("body", 0, 1), 3),
    "loop bound": (("body", 0, 3), "q"),
    "loop step": (("body", 0, 4), 0),
    "huge integer": (("body", 0, 3), 2**53),
    "float index": (("body", 0, 3), 0.5),
    "true as index": (("body", 0, 3), True),
    "unknown operation": (("body", 0, 3), ["<<", 1, 100]),
    "missing operand": (("body", 0, 3), ["+", 1]),
    "min of one": (("body", 0, 3), ["min", 1]),
    "deep index": (("body", 0, 3), deep(150)),
    "wide index": (("body", 0, 3), ["max", *range(1000)]),
    "many statements": (("body",), [["if", ["<", 0, 1], [], []]] * 30_000),
    "deep statements": (("body",), deep_statements(150)),
    "no target": ((*ASSIGN, 1), []),
    "write an input": ((*ASSIGN, 1, 0, 0, 1), "A"),
    "target is an expression": ((*ASSIGN, 1, 0, 0), ["neg", ["tile", "L", 0, 0]]),
    "rank": ((*ASSIGN, 1, 0, 0), ["tile", "L", 0]),
    "unknown matrix": ((*ASSIGN, 1, 0, 0, 1), "Q"),
    "unknown kernel": ((*ASSIGN, 2, 1), "eval"),
    "arguments": ((*ASSIGN, 2, 2), []),
    "list as a tile": ((*ASSIGN, 2), ["list", [], []]),
    "option": ((*ASSIGN, 2, 3), [["a", 1]]),
    "option twice": ((*ASSIGN, 2, 3), [["b", 1], ["b", 1]]),
    "option is null": ((*ASSIGN, 2, 3), [["side", None]]),
    "unknown scalar": ((*ASSIGN, 2), ["scale", ["scalar", "n"], ["tile", "A", 0, 0]]),
    "scalar is text": ((*ASSIGN, 2), ["scale", "2", ["tile", "A", 0, 0]]),
    "unknown variable": ((*ASSIGN, 2), ["tile", "A", "i", 0]),
    "many loops": ((*ASSIGN, 2), ["sum", ["tile", "A", 0, 0], [["for", f"x{at}", 0, 1, 1] for at in range(30)]]),
    "shadowed": ((*ASSIGN, 2), ["sum", ["tile", "A", 0, 0], [["for", "j", 0, 1, 1]]]),
}


@pytest.mark.parametrize("case", CHANGES)
def test_changed_programs_are_refused(case):
    path, value = CHANGES[case]
    document = set_in(json.loads(cholesky.to_json()), path, value)
    with pytest.raises(ProgramError):
        Program.from_json(json.dumps(document), load)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.sampled_from(["n", "A", "for", "tile", "+"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["body", "n"]), inner, max_size=2),
    max_leaves=10,
)


def places(value, path=()):
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield from places(inner, (*path, key))


DOCUMENT = json.loads(solve.to_json())
PLACES = [place for place in places(DOCUMENT) if place and place[0] != "kernels"]


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(PLACES), JSON)
def test_anything_anywhere_is_a_program_or_an_error(place, value):
    """Whatever is decoded can be printed, compiled and asked; whatever cannot is a clear error."""
    try:
        made = Program.from_json(json.dumps(set_in(DOCUMENT, place, value)), load)
    except NumpywrenError:
        return
    str(made)
    assert Program.from_json(made.to_json(), load) == made
    try:
        flow = made.bind(dict.fromkeys(made.sizes, 2))
        for matrix in made.matrices:
            tile = Tile(matrix.name, (1,) * len(matrix.grid))
            flow.readers(tile), flow.writer(tile)
    except ValueError:
        return


def test_decorated_and_decoded_programs_agree():
    again = Program.from_json(solve.to_json(), load)
    sizes = {"n": 4, "r": 2, "depth": 2}
    assert list(again.tasks(sizes)) == list(solve.tasks(sizes))
    for task in again.tasks(sizes):
        assert again.reads(task, sizes) == solve.reads(task, sizes)
        assert again.bind(sizes).expression(task) == solve.bind(sizes).expression(task)
