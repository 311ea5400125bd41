"""Tile algorithms as LAmbdaPACK programs, one subject a file, each with its mathematics beside the steps.

A program is parsed and checked when it is first used, not when the package is imported.
"""

from __future__ import annotations

import importlib
import sys
import types
from typing import TYPE_CHECKING, Any

from numpywren.lambdapack import Program

if TYPE_CHECKING:  # programs that bear their modules' names
    from numpywren.algorithms.cholesky import cholesky as cholesky
    from numpywren.algorithms.diagonal import diagonal as diagonal
    from numpywren.algorithms.dsgesv import dsgesv as dsgesv
    from numpywren.algorithms.gelss import gelss as gelss
    from numpywren.algorithms.gemm import gemm as gemm
    from numpywren.algorithms.geqrf import geqrf as geqrf
    from numpywren.algorithms.gesv import gesv as gesv
    from numpywren.algorithms.gesvd import gesvd as gesvd
    from numpywren.algorithms.gesvd_tall import gesvd_tall as gesvd_tall
    from numpywren.algorithms.heev import heev as heev
    from numpywren.algorithms.heev_function import heev_function as heev_function
    from numpywren.algorithms.logdet import logdet as logdet
    from numpywren.algorithms.lu import lu as lu
    from numpywren.algorithms.matrix_power import matrix_power as matrix_power
    from numpywren.algorithms.posv import posv as posv
    from numpywren.algorithms.qr import qr as qr
    from numpywren.algorithms.stedc import stedc as stedc

#: Name of each program → the module that holds it.
_HOMES = {
    "add_diagonal": "elementwise",
    "axpby": "elementwise",
    "axpby_vector": "elementwise",
    "cholesky": "cholesky",
    "cross": "vectors",
    "cond_fro": "spectrum",
    "cond_minus_one": "spectrum",
    "cond_minus_two": "spectrum",
    "cond_one": "spectrum",
    "cond_two": "spectrum",
    "det": "determinant",
    "diagonal": "diagonal",
    "dsgesv": "dsgesv",
    "gelss": "gelss",
    "gelss_adjoint": "gelss",
    "gemm": "gemm",
    "geqrf": "geqrf",
    "geqrf_r": "geqrf",
    "gesv": "gesv",
    "gesvd": "gesvd",
    "gesvd_empty": "gesvd",
    "gesvd_rows": "subspace",
    "gesvd_tall": "gesvd_tall",
    "gesvd_tiles": "subspace",
    "gesvd_values": "gesvd",
    "gesvd_values_tall": "gesvd_tall",
    "getrs": "getrs",
    "getrs_transposed": "getrs",
    "heev": "heev",
    "heev_function": "heev_function",
    "heev_values": "heev",
    "heevd": "heev",
    "heevd_function": "heev_function",
    "heevd_values": "heev",
    "hesv": "gesv",
    "inverse_power": "matrix_power",
    "logdet": "logdet",
    "lu": "lu",
    "lu_factor": "lu",
    "lu_indices": "lu",
    "lu_permuted": "lu",
    "matrix_power": "matrix_power",
    "norm_all": "vectors",
    "norm_fro": "norm",
    "norm_inf": "norm",
    "norm_minus_inf": "norm",
    "norm_minus_one": "norm",
    "norm_minus_two": "spectrum",
    "norm_nuclear": "spectrum",
    "norm_one": "norm",
    "norm_two": "spectrum",
    "norm_rows": "vectors",
    "outer": "vectors",
    "pca_rows": "pca",
    "pca_tiles": "pca",
    "polar_left": "polar",
    "polar_right": "polar",
    "pinv": "spectrum",
    "posv": "posv",
    "potrs": "posv",
    "qr": "qr",
    "qr_apply": "qr",
    "qr_apply_adjoint": "qr",
    "qr_apply_adjoint_top": "qr",
    "qr_complete": "qr",
    "qr_factor": "qr",
    "rank": "spectrum",
    "scale": "elementwise",
    "scale_vector": "elementwise",
    "slogdet": "determinant",
    "stedc": "stedc",
    "sysv": "gesv",
    "trace": "diagonal",
    "trsm_adjoint": "trsm",
    "trsm_lower": "trsm",
    "trsm_upper": "trsm",
    "vecdot": "vectors",
    "zeroth_power": "matrix_power",
}

__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Program:
    if name not in _HOMES:
        raise AttributeError(f"numpywren.algorithms has no program {name!r}; it has {', '.join(_HOMES)}")
    program: Program = getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    return program


def __dir__() -> list[str]:
    return __all__


class _Programs(types.ModuleType):
    """The type of this package: importing a submodule binds its name here, where the program of that name is meant."""

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, getattr(value, name, value) if isinstance(value, types.ModuleType) else value)


sys.modules[__name__].__class__ = _Programs
