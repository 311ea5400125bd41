"""How long ScaLAPACK takes on as many cores: what it computes, sends and waits for, counted step by step.

The model is that of the ScaLAPACK Users' Guide (L. S. Blackford et al., SIAM 1997, section 5.2; the same authors in
SIAM News and at netlib.org/utk/papers/siam397-scalapack/node11.html, read 2026-11-22): a floating point operation takes
t_f, and a message t_m and t_v for each number in it, so that on a square grid of P processes with blocks of NB

    T(N, P) = C_f N³ / P t_f + C_v N² / √P t_v + C_m N / NB t_m.

The Guide's table of C_f, C_v and C_m is a picture in every copy that could be read, so the constants were derived anew
by walking through the routines panel by panel (`counted`). With l = ½ log₂ P, the rounds of a broadcast or a sum over a
row or column of √P processes along a binary tree, they are, to leading order in N:

==========  =====================  ==============  =========  ==================
function    C_f                    C_v, pipelined  C_v, tree  C_m
==========  =====================  ==============  =========  ==================
matmul      2                      2               2 l        2, or 2 l
cholesky    1/3                    3/2             l + 1/2    3 l + 1
qr          4/3                    3/2             3 l / 2    4 l (NB + 1)
svdvals     8/3, half by vectors   10              10 l       32 l NB + 4 l
==========  =====================  ==============  =========  ==================

A tree sends all of a message in each of its rounds. Pipelined, in pieces along a ring, each number is waited for once:
that is the best there is, and what the routines do lies between (BLACS choose by grid and length). What we remember of
the Guide's own C_v (2 + l, 3 + 2 l and 20 l for the last three) is larger than both; it is not verified, and not used.

matmul
    SUMMA (R. van de Geijn, J. Watts, Concurrency: Practice and Experience 9 (1997) 255): in each of N/NB steps a block
    column of A goes along the rows of the grid and a block row of B down its columns, pipelined around rings.
cholesky
    PDPOTRF, right-looking: the factor of the diagonal block goes down its column; the panel goes along the rows, and
    transposed down the columns.
qr
    PDGEQRF: for each column of a panel two sums over the grid's column that all must know (its norm, and its products
    with the columns to its right); for each panel one for T, a broadcast of V and T along the rows, and a sum of Vᵀ A
    over the columns that goes back down.
svdvals
    PDGEBRD, which calls PDLABRD: for each column and row fourteen products of a matrix and a vector (LAPACK's dlabrd),
    each of which broadcasts one vector and sums another, and two norms; sixteen of those vectors are as long as what
    remains of the matrix. For each panel two updates of rank NB. What follows, values of two diagonals, is left out.

Flattering to ScaLAPACK: work is spread evenly, the network is never congested, and no process waits for a panel but
for the messages; all that is not a product with a vector runs at the rate of gemm. Products with vectors read the
matrix from memory once for two operations a number, and cannot be quicker than that.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

__all__ = ["Cluster", "Count", "counted", "seconds"]


@dataclass(frozen=True)
class Cluster:
    """What ScaLAPACK runs on.

    Attributes
    ----------
    cores : int
        One process on each.
    gflops : float
        10⁹ floating point operations a second of each, in products of matrices.
    bandwidth : float
        Bytes a second between a core and the others.
    latency_s : float
        Of a message. Assumed: 30 µs, of TCP within a placement group of EC2.
    memory_bandwidth : float
        Bytes a second that a core reads from memory while all do. Assumed: 6.5 GB/s, of 60 GB/s of four channels for
        nine cores (c4.8xlarge, on which the original ran ScaLAPACK), or 307 GB/s of eight for 48 (c7i).
    block : int
        Rows and columns of a block.
    """

    cores: int
    gflops: float
    bandwidth: float
    latency_s: float = 3e-5
    memory_bandwidth: float = 6.5e9
    block: int = 128


@dataclass(frozen=True)
class Count:
    """What a process does.

    Attributes
    ----------
    flops : float
        Of products of matrices and what runs as quickly.
    vector_flops : float
        Of products of a matrix and a vector.
    words, messages : float
        That it waits for.
    """

    flops: float
    vector_flops: float
    words: float
    messages: float

    def seconds(self, cluster: Cluster) -> float:
        """Time that all of it takes."""
        return (
            self.flops / (cluster.gflops * 1e9)
            + self.vector_flops * 4.0 / cluster.memory_bandwidth  # 8 bytes for a multiplication and an addition
            + self.words * 8.0 / cluster.bandwidth
            + self.messages * cluster.latency_s
        )


def counted(function: str, n: int, p: int, block: int, *, pipelined: bool = True) -> Count:
    """Walk through the panels of a function on a matrix of order `n`, on √p × √p processes."""
    side = math.sqrt(p)
    rounds = math.log2(max(side, 2.0))
    once = 1.0 if pipelined else rounds  # how often a number is waited for
    left = n - block * np.arange(-(-n // block), dtype=np.float64)  # rows that remain when a panel's turn comes
    width = np.minimum(block, left)
    local = left / side  # of them, a process has
    if function == "matmul":
        steps = len(left) + (side - 2.0 if pipelined else 0.0)  # a pipeline has to be filled
        words, messages = 2.0 * steps * block * n / side * once, 2.0 * steps * once
        return Count(2.0 * n**3 / p, 0.0, words, messages)
    if function == "cholesky":
        words = width**2 * once + (local - width / side) * width * (2.0 * once + 1.0)
        return Count(n**3 / 3.0 / p, 0.0, float(words.sum()), len(left) * (3.0 * rounds + 1.0))
    if function == "qr":
        panel = (1.0 + width / 2.0) * width * 2.0
        words = (panel + width**2 + width * local * 3.0) * once
        messages = (width + 1.0) * 4.0 * rounds
        return Count(4.0 * n**3 / 3.0 / p, 0.0, float(words.sum()), float(messages.sum()))
    if function == "svdvals":
        words = width * local * (16.0 + 4.0) * once
        messages = width * (14.0 * 2.0 + 2.0 * 2.0) * rounds + 4.0 * rounds
        half = 4.0 * n**3 / 3.0 / p
        return Count(half, half, float(words.sum()), float(messages.sum()))
    raise ValueError(f"there is no model of {function!r}; there are matmul, cholesky, qr and svdvals")


def seconds(function: str, n: int, cluster: Cluster, *, pipelined: bool = True) -> float:
    """Time of a function on a matrix of order `n`."""
    return counted(function, n, cluster.cores, cluster.block, pipelined=pipelined).seconds(cluster)
