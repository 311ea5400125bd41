"""SQLite under real processes, some of them killed; and the hammer itself notices a plane that errs."""

from __future__ import annotations

import pytest
from testing import erring_planes

from numpywren.testing.control_hammer import hammer


@pytest.mark.parametrize("seed", range(2))
def test_sqlite_survives(tmp_path, seed):
    report = hammer(f"sqlite:{tmp_path}/plane.sqlite", tmp_path / "work", processes=4, kills=5, tasks=300, seed=seed)
    assert report.kills == 5
    assert report.completions >= 300 - report.kills
    assert not (tmp_path / "plane.sqlite").exists()


@pytest.mark.parametrize(
    ("plane", "complaint"),
    [
        ("EagerSqlite", "was handed"),
        ("ForgetfulSqlite", "more than once"),
        ("HoarderSqlite", "never became freed"),
        ("SpendthriftSqlite", "was handed|more than once"),
    ],
)
def test_the_hammer_notices(tmp_path, plane, complaint):
    url = f"sqlite:{tmp_path}/plane.sqlite"
    opener = f"{erring_planes.__name__}:{plane}"
    with pytest.raises(AssertionError, match=complaint):
        hammer(url, tmp_path / "work", opener=opener, processes=2, kills=0, tasks=120)
