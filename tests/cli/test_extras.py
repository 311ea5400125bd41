"""A command that needs a library which is not there says so in one line."""

import os
import subprocess
import sys

import numpy as np
import pytest

WITHOUT = "import sys; sys.modules[sys.argv.pop(1)] = None; from numpywren.cli import main; sys.exit(main())"


@pytest.mark.parametrize(
    ("module", "control", "words", "extra"),
    [
        ("redis", "redis://127.0.0.1:1/0", ["run", "cholesky", "A.npy", "--out", "L"], "redis"),
        ("botocore", "dynamodb://table", ["run", "cholesky", "A.npy", "--out", "L"], "dynamodb"),
        ("matplotlib", "", ["plan", "cholesky", "100x100", "--plot", "plan.svg"], "plot"),
    ],
)
def test_a_missing_extra_is_one_line(tmp_path, module, control, words, extra):
    np.save(tmp_path / "A.npy", 4 * np.eye(8))
    variables = {"NUMPYWREN_STORE": str(tmp_path / "scratch")} | ({"NUMPYWREN_CONTROL": control} if control else {})
    ended = subprocess.run(
        [sys.executable, "-c", WITHOUT, module, *words],
        cwd=tmp_path, env={**os.environ, **variables}, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert ended.returncode == 1
    (line,) = ended.stderr.splitlines()
    assert line.startswith("error: ")
    assert f"pip install 'numpywren[{extra}]'" in line
