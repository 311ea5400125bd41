"""The namespace on which the public suite is run: NumPy's arrays in and out, numpywren's linear algebra between."""

import os
import subprocess
from pathlib import Path

import numpy as np
import pytest
from array_api import numpy_with_numpywren as xp
from array_api.test_signatures import FIELDS, SIGNATURES

ROOT = Path(__file__).parents[2]


def test_every_function_is_numpywrens():
    assert sorted(vars(xp.linalg)) == sorted(SIGNATURES)
    assert xp.sin is np.sin
    for name in xp.MAIN:
        assert getattr(xp, name) is getattr(xp.linalg, name)


@pytest.mark.parametrize("name", FIELDS)
def test_several_results(name):
    result = getattr(xp.linalg, name)(np.eye(3, dtype=np.float32))
    assert result._fields == FIELDS[name]
    assert all(isinstance(part, np.ndarray) for part in result)


def test_numbers():
    assert xp.linalg.det(np.full((2, 2), np.nan)).shape == ()
    assert np.isnan(xp.linalg.det(np.full((2, 2), np.nan)))
    assert xp.tensordot(np.asarray(2.0), np.ones((2, 3)), axes=0).shape == (2, 3)
    assert xp.linalg.vector_norm(np.asarray(-3.0)) == 3
    assert xp.linalg.vector_norm(np.asarray(-3.0), keepdims=True).shape == ()


def test_integers_are_numpys():
    assert xp.matmul(np.ones((2, 2), int), np.ones((2, 2), int)).dtype == int


def test_the_script_says_what_it_needs():
    environment = {key: value for key, value in os.environ.items() if key != "ARRAY_API_TESTS"}
    done = subprocess.run(
        [ROOT / "ci" / "array_api_suite"], env=environment, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 2
    assert "ARRAY_API_TESTS must name a clone" in done.stderr


def test_every_skip_has_a_reason():
    reason = False
    for line in (ROOT / "tests" / "array_api" / "skips.txt").read_text().splitlines():
        if line.startswith("#"):
            reason = True
        elif not line:
            reason = False
        else:
            assert reason, line
