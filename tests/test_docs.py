"""What the documentation says is true: its Python blocks run, its links lead somewhere, its reference is complete."""

import ast
import doctest
import importlib
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import numpywren

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
WITH_CODE = [page for page in PAGES if BLOCK.search(page.read_text())]


def test_pages_with_code_are_found():
    assert {"README.md", "quickstart.md", "programs.md"} <= {page.name for page in WITH_CODE}


@pytest.mark.parametrize("page", WITH_CODE, ids=lambda page: str(page.relative_to(ROOT)))
def test_code_on_the_page_runs(page, tmp_path):
    # A file, not `exec`: programs are parsed from their source, and functions travel by name.
    script = tmp_path / "page.py"
    script.write_text("\n\n".join(BLOCK.findall(page.read_text())))
    environment = {**os.environ, "NUMPYWREN_STORE": str(tmp_path / "store")}
    command = [sys.executable, "-W", "error", str(script)]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=250)
    assert done.returncode == 0, done.stdout + done.stderr


def test_readme_says_how_to_set_up_in_one_line_each():
    shell = re.findall(r"^```sh\n(.*?)\n^```$", (ROOT / "README.md").read_text(), re.MULTILINE | re.DOTALL)
    assert len(shell) == 2
    assert all("\n" not in block for block in shell)
    assert shell[0].endswith("numpywren demo")
    assert (ROOT / shell[1]).is_file()
    assert shell[1] in (ROOT / ".ci" / "run").read_text()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_between_pages_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#:\s]+)(?:#[^)]*)?\)", page.read_text()):
        assert (page.parent / target).exists(), f"{page} links to {target}"


def docstrings():
    """Docstrings that hold an example, with their module."""
    for path in sorted((ROOT / "src").rglob("*.py")):
        module = ".".join(path.relative_to(ROOT / "src").with_suffix("").parts).removesuffix(".__init__")
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ">>>" in (
                ast.get_docstring(node) or ""
            ):
                yield pytest.param(module, ast.get_docstring(node), id=f"{module}:{getattr(node, 'name', '')}")


@pytest.mark.parametrize(("module", "text"), list(docstrings()))
def test_examples_in_docstrings_say_what_happens(module, text, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = {**vars(importlib.import_module(module)), "np": np, "nw": numpywren}
    example = doctest.DocTestParser().get_doctest(text, names, module, None, None)
    said = []
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    runner.run(example, out=said.append)
    assert not said, "".join(said)


def test_reference_names_every_public_function():
    reference = "".join(page.read_text() for page in (ROOT / "docs" / "reference").glob("*.md"))
    public = [name for name in vars(numpywren) if not name.startswith("_") and callable(getattr(numpywren, name))]
    named = set(re.findall(r"auto(?:function|class):: (?:[\w.]*\.)?(\w+)", reference))
    assert sorted({*public, *numpywren.linalg.FUNCTIONS} - named) == []
