"""Tile algorithms as LAmbdaPACK programs, one subject a file, each with its mathematics beside the steps."""

from numpywren.algorithms.cholesky import cholesky as cholesky
from numpywren.algorithms.diagonal import diagonal as diagonal
from numpywren.algorithms.diagonal import trace as trace
from numpywren.algorithms.elementwise import add_diagonal as add_diagonal
from numpywren.algorithms.elementwise import axpby as axpby
from numpywren.algorithms.elementwise import axpby_vector as axpby_vector
from numpywren.algorithms.elementwise import scale as scale
from numpywren.algorithms.elementwise import scale_vector as scale_vector
from numpywren.algorithms.gemm import gemm as gemm
from numpywren.algorithms.norm import norm_fro as norm_fro
from numpywren.algorithms.norm import norm_inf as norm_inf
from numpywren.algorithms.norm import norm_max as norm_max
from numpywren.algorithms.norm import norm_one as norm_one
from numpywren.algorithms.posv import posv as posv
from numpywren.algorithms.posv import potrs as potrs
from numpywren.algorithms.trsm import trsm_adjoint as trsm_adjoint
from numpywren.algorithms.trsm import trsm_lower as trsm_lower
from numpywren.algorithms.trsm import trsm_upper as trsm_upper
