"""What all tests share: a scratch store of their own, so that none touches the user's; golden files."""

import os
import shutil
from pathlib import Path

import pytest

from numpywren.config import config


@pytest.fixture(scope="session", autouse=True)
def _scratch_store(tmp_path_factory):
    place = str(tmp_path_factory.mktemp("scratch"))
    os.environ["NUMPYWREN_STORE"] = place  # for the processes that tests start
    with config.set({"store": place}):
        yield
    del os.environ["NUMPYWREN_STORE"]


@pytest.fixture(scope="module")
def in_memory(request):
    """Runs of a module's tests keep tiles and control in memory: many small runs would wait for their files."""
    with config.set({"store": f"memory:{request.module.__name__}", "control": "memory:"}):
        yield


@pytest.fixture(scope="module")
def browser():
    """Chromium without a screen; for one module at a time, as its library keeps an event loop in this thread."""
    from playwright import sync_api as playwright

    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    assert found, "these tests need Chromium: apt-get install chromium"
    with playwright.sync_playwright() as started:
        chromium = started.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield chromium
        chromium.close()


def pytest_addoption(parser):
    parser.addoption("--update-golden", action="store_true", help="write golden files instead of comparing with them")


@pytest.fixture
def golden(request):
    """Compare text with a golden file in the folder ``golden`` beside the test, or write the file."""

    def compare(name, text):
        path = Path(request.path).parent / "golden" / name
        if request.config.getoption("--update-golden"):
            path.parent.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
        assert path.read_text(encoding="utf-8") == text, "if this is meant, run pytest --update-golden"

    return compare
