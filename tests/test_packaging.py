"""The wheel: what is in it, and that it works alone in an empty environment."""

import os
import re
import subprocess
import sys
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest

import numpywren

ROOT = Path(__file__).parent.parent


def run(*command, **keywords):
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, **keywords)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """A wheel built from the source, outside the checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    run(sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", folder, ROOT, cwd=folder)
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def empty_environment(wheel, tmp_path_factory):
    """A new virtual environment with the wheel, its dependencies and those of the demo; nothing else."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, symlinks=True)
    python = folder / "bin" / "python"
    install = [sys.executable, "-m", "pip", "--python", python, "install", "-q", "--disable-pip-version-check"]
    run(*install, "-c", ROOT / "ci" / "constraints.txt", f"numpywren[demo] @ {wheel.as_uri()}")
    return folder


def alone(folder):
    """Environment variables without anything of the checkout's."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "NUMPYWREN", "VIRTUAL"))}
    return {**kept, "NUMPYWREN_STORE": str(folder / "store")}


def test_wheel_holds_the_package_the_licence_and_the_marker_of_types(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    modules = {str(path.relative_to(ROOT / "src")) for path in (ROOT / "src").rglob("*.py")}
    assert modules <= set(names)
    assert "numpywren/py.typed" in names
    assert {
        f"numpywren/control/redis/lua/{path.name}" for path in ROOT.glob("src/numpywren/control/redis/lua/*.lua")
    } <= set(names)
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert not [name for name in names if name.startswith("tests") or "__pycache__" in name]


def test_wheel_says_its_version(wheel):
    assert wheel.name.startswith(f"numpywren-{numpywren.__version__}-py3-none-any")


@pytest.mark.timeout(900)
def test_wheel_runs_the_demo_in_an_empty_environment(empty_environment, tmp_path):
    command = empty_environment / "bin" / "numpywren"
    assert run(command, "--version", cwd=tmp_path).strip() == f"numpywren {numpywren.__version__}"
    out = run(command, "demo", "--points", 400, "--out", "map.png", cwd=tmp_path, env=alone(tmp_path), timeout=300)
    assert "kriging" in out
    assert (tmp_path / "map.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.timeout(900)
def test_wheel_works_alone(empty_environment, tmp_path):
    code = "import numpy, numpywren as nw; print(nw.linalg.trace(nw.asarray(numpy.eye(5))))"
    python = empty_environment / "bin" / "python"
    assert run(python, "-W", "error", "-c", code, cwd=tmp_path, env=alone(tmp_path)).strip() == "5.0"


def test_constraints_name_what_the_project_asks_for():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    asked = [*project["dependencies"], *(each for extra in project["optional-dependencies"].values() for each in extra)]
    pins = (ROOT / "ci" / "constraints.txt").read_text()
    pinned = {normal(line) for line in pins.splitlines() if "==" in line}
    assert {normal(each) for each in asked} - {"numpywren"} <= pinned


def normal(requirement):
    name = re.match(r"[A-Za-z0-9._-]+", requirement)[0]
    return re.sub(r"[-_.]+", "-", name).lower()
