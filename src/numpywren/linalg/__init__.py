"""Linear algebra on arrays of tiles, with the names and meanings of NumPy, SciPy and the array API standard."""

from numpywren.linalg import namespace as _namespace
from numpywren.linalg import products as _products
from numpywren.linalg.determinant import det as det
from numpywren.linalg.determinant import slogdet as slogdet
from numpywren.linalg.eigen import eigh as eigh
from numpywren.linalg.eigen import eigvalsh as eigvalsh
from numpywren.linalg.factor import cholesky as cholesky
from numpywren.linalg.function import FUNCTIONS as FUNCTIONS
from numpywren.linalg.function import Function as Function
from numpywren.linalg.lstsq import lstsq as lstsq
from numpywren.linalg.lu import lu as lu
from numpywren.linalg.lu import lu_factor as lu_factor
from numpywren.linalg.lu import lu_solve as lu_solve
from numpywren.linalg.matrix_functions import expm as expm
from numpywren.linalg.matrix_functions import logdet as logdet
from numpywren.linalg.matrix_functions import matrix_power as matrix_power
from numpywren.linalg.matrix_functions import sqrtm as sqrtm
from numpywren.linalg.norms import add_diagonal as add_diagonal
from numpywren.linalg.norms import diagonal as diagonal
from numpywren.linalg.norms import matrix_norm as matrix_norm
from numpywren.linalg.norms import norm as norm
from numpywren.linalg.norms import trace as trace
from numpywren.linalg.pca import pca as pca
from numpywren.linalg.polar import polar as polar
from numpywren.linalg.products import add as add
from numpywren.linalg.products import matmul as matmul
from numpywren.linalg.products import multiply as multiply
from numpywren.linalg.products import subtract as subtract
from numpywren.linalg.qr import qr as qr
from numpywren.linalg.qr_factor import QRFactor as QRFactor
from numpywren.linalg.qr_factor import qr_factor as qr_factor
from numpywren.linalg.solve import cho_solve as cho_solve
from numpywren.linalg.solve import inv as inv
from numpywren.linalg.solve import solve as solve
from numpywren.linalg.solve import solve_triangular as solve_triangular
from numpywren.linalg.spectrum import cond as cond
from numpywren.linalg.spectrum import matrix_rank as matrix_rank
from numpywren.linalg.spectrum import pinv as pinv
from numpywren.linalg.submit import plan as plan
from numpywren.linalg.submit import submit as submit
from numpywren.linalg.svd import svd as svd
from numpywren.linalg.svd import svdvals as svdvals
from numpywren.linalg.tensors import matrix_transpose as matrix_transpose
from numpywren.linalg.tensors import outer as outer
from numpywren.linalg.tensors import tensordot as tensordot
from numpywren.linalg.vectors import cross as cross
from numpywren.linalg.vectors import vecdot as vecdot
from numpywren.linalg.vectors import vector_norm as vector_norm
from numpywren.matrix import install as _install
from numpywren.matrix import install_namespace as _install_namespace

_install(_products)
_install_namespace(_namespace)


def __dir__() -> list[str]:
    """What people come for, without the modules that it is spread over."""
    return sorted({*FUNCTIONS, "FUNCTIONS", "Function", "QRFactor", "plan", "submit"})
