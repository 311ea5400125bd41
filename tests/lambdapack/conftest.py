"""Golden files: what a test prints, kept beside it; ``--update-golden`` writes them anew."""

from pathlib import Path

import pytest


def pytest_addoption(parser):
    parser.addoption("--update-golden", action="store_true", help="write golden files instead of comparing with them")


@pytest.fixture
def golden(request):
    """Compare text with a golden file, or write the file."""

    def compare(name, text):
        path = Path(__file__).parent / "golden" / name
        # Test options of a folder are known only when pytest is started on it or above it with the folder's conftest.
        if request.config.getoption("--update-golden", default=False):
            path.write_text(text, encoding="utf-8")
        assert path.read_text(encoding="utf-8") == text, (
            f"if this is meant, run pytest --update-golden {path.parent.parent}"
        )

    return compare
