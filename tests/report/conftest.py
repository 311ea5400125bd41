import numpy as np
import pytest
from linalg.matrices import positive_definite

import numpywren as nw


@pytest.fixture(scope="session")
def recorded(tmp_path_factory):
    """A Cholesky factorization of 8 × 8 tiles that was done in this process, with its events."""
    store = tmp_path_factory.mktemp("recorded")
    with nw.config.set({"store": str(store), "backend": "local", "worker.slots": 2}):
        run = nw.submit(nw.linalg.cholesky, nw.asarray(positive_definite(128, np.float64), chunks=16))
        run.wait(progress=False)
        yield run


@pytest.fixture
def own_store(tmp_path):
    with nw.config.set({"store": str(tmp_path / "store")}):
        yield tmp_path / "store"
