"""Places for the tests of the data layer: a fresh scratch store for each, and one of each kind of store."""

import itertools

import pytest
from matrix.drawn import DTYPES

from numpywren.config import config

_numbers = itertools.count()


@pytest.fixture(autouse=True)
def scratch(tmp_path):
    place = tmp_path / "scratch"
    with config.set({"store": str(place)}):
        yield place


@pytest.fixture(params=["file", "memory"])
def place(request, tmp_path):
    """A URL at which there is nothing yet."""
    return str(tmp_path / "place") if request.param == "file" else f"memory:test-{next(_numbers)}/place"


@pytest.fixture(params=DTYPES)
def dtype(request):
    return request.param
