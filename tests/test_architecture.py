"""Laws that hold for the source as a whole: imports point one way, modules stay small, nothing stored is executed."""

import ast
import importlib
import importlib.util
import pkgutil
import re
import subprocess
import sys
import types
from pathlib import Path

import pytest

import numpywren

SOURCE = Path(numpywren.__file__).parent
MODULES = {
    ".".join(("numpywren", *path.relative_to(SOURCE).with_suffix("").parts)).removesuffix(".__init__"): path
    for path in sorted(SOURCE.rglob("*.py"))
}

# Design, section 9: a part may import only parts of the rows below its own. Parts of one row do not know one another,
# but for the few named in BESIDE.
ROWS = [
    {"__main__"},
    {"cli"},
    {"demo"},
    {"numpywren"},
    {"dashboard"},
    {"linalg"},
    {"job"},
    {"report"},
    {"planner"},
    {"autoscaler"},
    {"algorithms", "worker", "backends"},
    {"kernels", "matrix", "control"},
    {"lambdapack"},
    {"events", "errors", "config", "version"},
]
# The control plane of conditional writes lives in the same stores as the tiles; stores know nothing of control.
BESIDE = {("config", "errors"), ("control", "matrix")}
# A method of the run's handle leads to the page that follows it; the rest of `job` knows nothing of it.
UPWARD = {("numpywren.job.run", "numpywren.dashboard")}
RANK = {part: row for row, parts in enumerate(ROWS) for part in parts}
# The contract suites and fault injectors are for the job and the parts below it.
RANK["testing"] = RANK["linalg"]

MAX_LINES = 500
FORBIDDEN_IMPORTS = {"cloudpickle", "dill", "jsonpickle", "marshal", "pickle", "shelve"}
FORBIDDEN_CALLS = {"eval", "exec"}
# Dependency analysis is compiled from syntax trees that it builds itself out of checked programs, never from text.
MAY_COMPILE = {"numpywren.lambdapack.codegen"}


def part_of(module):
    """The part of the package that a module belongs to."""
    parts = module.split(".")
    return parts[1] if len(parts) > 1 else "numpywren"


def resolve(target, names):
    """Modules that ``from target import names`` may load, as far as they are ours."""
    found = {f"{target}.{name}" for name in names if f"{target}.{name}" in MODULES}
    return found if found and target == "numpywren" else found | {target}


def imports(module, path):
    """Modules of this package that a module imports anywhere in its text, with the line."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.split(".")[0] == "numpywren":
                    yield alias.name, node.lineno
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}:{node.lineno}: write the full name instead of a relative import"
            if node.module is not None and node.module.split(".")[0] == "numpywren":
                for target in resolve(node.module, [alias.name for alias in node.names]):
                    yield target, node.lineno


def wrong_way(module, target):
    """Whether a module must not import another."""
    here, there = part_of(module), part_of(target)
    if here == there or (here, there) in BESIDE or (module, target) in UPWARD:
        return False
    return RANK[there] <= RANK[here]


def test_every_part_has_its_row():
    assert {part_of(module) for module in MODULES} <= set(RANK)


@pytest.mark.parametrize("module", MODULES)
def test_imports_point_one_way(module):
    path = MODULES[module]
    wrong = [f"{path}:{line} imports {target}" for target, line in imports(module, path) if wrong_way(module, target)]
    assert not wrong


def test_the_rule_is_able_to_fail():
    assert wrong_way("numpywren.kernels.potrf", "numpywren.matrix")
    assert wrong_way("numpywren.control.plane", "numpywren.job.run")
    assert wrong_way("numpywren.matrix.array", "numpywren")
    assert not wrong_way("numpywren.job.run", "numpywren.matrix")


@pytest.mark.parametrize("module", MODULES)
def test_no_module_is_long(module):
    lines = len(MODULES[module].read_text().splitlines())
    assert lines <= MAX_LINES, f"{MODULES[module]} has {lines} lines; split it"


@pytest.mark.parametrize("module", MODULES)
def test_nothing_that_is_read_can_be_executed(module):
    for node in ast.walk(ast.parse(MODULES[module].read_text())):
        where = f"{MODULES[module]}:{getattr(node, 'lineno', 0)}"
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names]
            assert FORBIDDEN_IMPORTS.isdisjoint(name.split(".")[0] for name in names), f"{where}: no pickles"
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            allowed = FORBIDDEN_CALLS | (set() if module in MAY_COMPILE else {"compile"})
            assert node.func.id not in allowed, f"{where}: {node.func.id}() executes text"
        elif isinstance(node, ast.keyword) and node.arg == "allow_pickle":
            assert isinstance(node.value, ast.Constant), f"{where}: allow_pickle"
            assert node.value.value is False, f"{where}: allow_pickle"


@pytest.mark.parametrize("module", MODULES)
def test_the_library_does_not_print(module):
    if part_of(module) in {"cli", "demo"}:
        return
    for node in ast.walk(ast.parse(MODULES[module].read_text())):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id != "print", f"{MODULES[module]}:{node.lineno}: use numpywren.events or logging"


@pytest.mark.parametrize("module", MODULES)
def test_modules_are_named_for_what_they_are(module):
    assert not re.search(r"(^|_)(utils?|helpers?|misc|common)$", module.rpartition(".")[2])
    assert ast.get_docstring(ast.parse(MODULES[module].read_text())), f"{module} does not say what it is for"


def public_names():
    return [
        "Array", "Run", "asarray", "attach", "config", "eye", "from_function", "kernel", "linalg", "open", "program",
        "run", "submit", "zeros",
    ]  # fmt: skip


def test_the_public_face_is_complete():
    assert sorted(set(public_names()) - set(dir(numpywren))) == []


def test_linalg_offers_every_function_by_name():
    for name, function in numpywren.linalg.FUNCTIONS.items():
        assert getattr(numpywren.linalg, name) is function
        assert function.__doc__, f"numpywren.linalg.{name} has no docstring"


def test_completion_of_linalg_shows_functions_and_no_modules_of_ours():
    offered = dir(numpywren.linalg)
    assert set(numpywren.linalg.FUNCTIONS) < set(offered)
    assert not any(isinstance(getattr(numpywren.linalg, name), types.ModuleType) for name in offered)


def test_every_module_can_be_imported_alone():
    # In one new process each would take minutes; walking them in one shows at least that none is broken.
    for found in pkgutil.walk_packages(numpywren.__path__, "numpywren."):
        if not found.name.endswith("__main__"):
            importlib.import_module(found.name)


def test_types_are_marked_as_present():
    assert (SOURCE / "py.typed").is_file()


def test_importing_is_quiet_and_does_not_load_the_command_line():
    heavy = {"typer", "click", "matplotlib", "airportsdata", "bokeh", "pandas", "starlette", "uvicorn"}
    code = f"import sys, numpywren; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("[]\n", "")
