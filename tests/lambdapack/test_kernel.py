"""Kernels and the way to one by its name."""

import pickle

import pytest
from lambdapack.toys import combine, potrf, qr

from numpywren.errors import KernelNotAllowedError
from numpywren.lambdapack import Kernel, kernel, load_kernel


@kernel(
    results=2,
    shape=lambda a, b: (a, b),
    flops=lambda a, b: a[0] * b[0],
    accumulate=lambda acc, sign, a, b: acc.append(sign * a * b),
)
def pair(a, b):
    return a + b, a - b


def test_a_kernel_is_its_function_and_what_is_known_of_it():
    assert isinstance(pair, Kernel)
    assert pair(3, 1) == (4, 2)
    assert (pair.name, pair.results) == ("pair", 2)
    assert pair.path.endswith("test_kernel:pair")
    assert pair.shape((2, 3), (3, 4)) == ((2, 3), (3, 4))
    assert pair.flops((2, 3), (3, 4)) == 6
    found = []
    pair.accumulate(found, -1, 2, 3)
    assert found == [-6]


def test_what_a_kernel_does_not_say():
    assert potrf.results == 1
    assert potrf.shape((4, 5)) == (4, 5)
    assert combine.shape(((4, 5), (6, 5)), weight=2) == (4, 5)
    assert potrf.flops((4, 5)) == 20  # numbers that are moved
    assert combine.flops(((4, 5), (6, 5)), weight=2) == 50
    assert potrf.accumulate is None
    assert qr.results == 2


@pytest.mark.parametrize("results", [0, -1, True, "some", 1.0])
def test_results_are_counted(results):
    with pytest.raises(TypeError, match="positive integer or 'any'"):
        kernel(results=results)


def test_kernels_are_found_by_their_names():
    assert load_kernel("lambdapack.toys:potrf", {"lambdapack.toys"}) is potrf
    assert load_kernel("lambdapack.toys:potrf", ["lambdapack"]) is potrf
    assert pickle.loads(pickle.dumps(potrf)) is potrf


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("lambdapack.toysrus:potrf", "outside the modules"),
        ("os:system", "outside the modules"),
        ("numpywren.kernelsx:f", "outside the modules"),
        ("lambdapack.toys", "is no kernel that can be loaded"),
        ("lambdapack.toys:", "is no kernel that can be loaded"),
        ("lambdapack.toys:test.<locals>.hidden", "not inside a function"),
        ("lambdapack.toys:..os", "is no kernel that can be loaded"),
        ("lambdapack.toys:missing", "there is no kernel"),
        ("lambdapack.toys:cholesky", "is no kernel but Program"),
        ("numpywren.kernels.nothing:f", "there is no kernel"),
    ],
)
def test_other_names_lead_nowhere(path, message):
    with pytest.raises(KernelNotAllowedError, match=message):
        load_kernel(path, {"lambdapack.toys"})


def test_modules_that_are_not_allowed_are_not_imported():
    import sys

    sys.modules.pop("this", None)
    with pytest.raises(KernelNotAllowedError):
        load_kernel("this:s", {"lambdapack.toys"})
    assert "this" not in sys.modules


def test_the_decorator_needs_its_brackets():
    with pytest.raises(TypeError, match=r"write @kernel\(\)"):

        @kernel
        def bare(a):
            return a
