"""Workers as functions of Lithops, on its localhost mode without Docker, keep the contract."""

import sys

import pytest

from numpywren.backends import open_backend
from numpywren.config import config
from numpywren.testing.backends import OPTIONS, ElsewhereContract


@pytest.fixture
def configuration(tmp_path):
    path = tmp_path / "lithops.yaml"
    path.write_text(
        "lithops: {backend: localhost, storage: localhost, data_cleaner: false}\n"
        f"localhost: {{runtime: {sys.executable}, worker_processes: 1}}\n"
    )
    return str(path)


class TestLithopsBackend(ElsewhereContract):
    name = "lithops"

    @pytest.fixture
    def settings(self, tmp_path, configuration):
        return {"store": str(tmp_path), "lithops.config": configuration}


def test_a_worker_leaves_before_its_function_is_cut_off(tmp_path, configuration):
    with config.set({"lithops.config": configuration}):
        backend = open_backend("lithops", f"file://{tmp_path}/run", OPTIONS)
        assert backend.options["deadline_s"] == 3600 - 30
        backend = open_backend("lithops", f"file://{tmp_path}/run", {**OPTIONS, "deadline_s": 60.0})
        assert backend.options["deadline_s"] == 60.0


def test_a_configuration_that_is_not_there_is_named(tmp_path):
    with config.set({"lithops.config": str(tmp_path / "none.yaml")}):
        with pytest.raises(ValueError, match=r"none\.yaml"):
            open_backend("lithops", f"file://{tmp_path}/run", OPTIONS)
