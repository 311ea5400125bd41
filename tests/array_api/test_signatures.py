"""The 23 functions of the extension have the standard's parameters, version 2024.12, and may have more by name."""

import inspect

import numpy as np
import pytest

import numpywren as nw

#: As the standard has them.
SIGNATURES = {
    "cholesky": "x, /, *, upper=False",
    "cross": "x1, x2, /, *, axis=-1",
    "det": "x, /",
    "diagonal": "x, /, *, offset=0",
    "eigh": "x, /",
    "eigvalsh": "x, /",
    "inv": "x, /",
    "matmul": "x1, x2, /",
    "matrix_norm": "x, /, *, keepdims=False, ord='fro'",
    "matrix_power": "x, n, /",
    "matrix_rank": "x, /, *, rtol=None",
    "matrix_transpose": "x, /",
    "outer": "x1, x2, /",
    "pinv": "x, /, *, rtol=None",
    "qr": "x, /, *, mode='reduced'",
    "slogdet": "x, /",
    "solve": "x1, x2, /",
    "svd": "x, /, *, full_matrices=True",
    "svdvals": "x, /",
    "tensordot": "x1, x2, /, *, axes=2",
    "trace": "x, /, *, offset=0, dtype=None",
    "vecdot": "x1, x2, /, *, axis=-1",
    "vector_norm": "x, /, *, axis=None, keepdims=False, ord=2",
}

#: Names of what several results are called, in order.
FIELDS = {
    "eigh": ("eigenvalues", "eigenvectors"),
    "qr": ("Q", "R"),
    "slogdet": ("sign", "logabsdet"),
    "svd": ("U", "S", "Vh"),
}


def parameters(text):
    """Parameters of a signature as the standard prints it."""
    names = text.split(", ")
    places = names[: names.index("/")]
    found = [(name, inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.empty) for name in places]
    for name in names[names.index("/") + 2 :]:
        key, default = name.split("=")
        value = {"None": None, "True": True, "False": False}.get(default, default.strip("'"))
        value = int(value) if isinstance(value, str) and value.lstrip("-").isdigit() else value
        found.append((key, inspect.Parameter.KEYWORD_ONLY, value))
    return found


def test_all_of_them():
    assert len(SIGNATURES) == 23


@pytest.mark.parametrize("name", SIGNATURES)
def test_parameters(name):
    own = {p.name: p for p in inspect.signature(getattr(nw.linalg, name)).parameters.values()}
    wanted = parameters(SIGNATURES[name])
    assert [p for p in own if own[p].kind is inspect.Parameter.POSITIONAL_ONLY] == [
        key for key, kind, _ in wanted if kind is inspect.Parameter.POSITIONAL_ONLY
    ]
    for key, kind, default in wanted:
        assert (own[key].kind, own[key].default) == (kind, default)
    for key in own.keys() - {key for key, _, _ in wanted}:
        assert own[key].kind is inspect.Parameter.KEYWORD_ONLY
        assert own[key].default is not inspect.Parameter.empty


@pytest.mark.parametrize("name", FIELDS)
def test_fields(name, in_memory):
    result = getattr(nw.linalg, name)(np.eye(3))
    assert isinstance(result, tuple)
    assert result._fields == FIELDS[name]
    assert all(result[at] is getattr(result, field) for at, field in enumerate(FIELDS[name]))


def test_signatures_say_what_a_call_returns():
    for name, returned in {
        "cholesky": nw.Array,
        "svd": tuple,
        "qr_factor": nw.linalg.QRFactor,
        "norm": np.floating,
    }.items():
        signature = inspect.signature(getattr(nw.linalg, name))
        assert signature.return_annotation is returned
    assert all(inspect.signature(each).return_annotation != "Request" for each in nw.linalg.FUNCTIONS.values())


def test_the_package_shows_its_interface():
    assert dir(nw) == sorted(nw.__all__)
    assert all(hasattr(nw, name) for name in nw.__all__)
    assert {"linalg", "open", "submit", "Array"} < set(dir(nw))
    assert not {"annotations", "job", "worker"} & set(dir(nw))
