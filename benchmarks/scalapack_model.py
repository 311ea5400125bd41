"""How long ScaLAPACK takes on as many cores, by the model of its Users' Guide.

T(N, P) = C_f N³ / P t_f + C_v N² / √P t_v + C_m N / NB t_m: floating point operations, numbers that are sent, and
messages, over a square grid of P processes with blocks of NB (L. S. Blackford et al., ScaLAPACK Users' Guide, SIAM
1997, section 5.2, which has the constants for Cholesky, least squares by QR, and singular values). The product of
matrices is SUMMA (R. van de Geijn and J. Watts, Concurrency: Practice and Experience 9 (1997) 255): each process
receives N/√P rows and columns of N numbers, in N/NB steps.

Flattering to ScaLAPACK: all cores compute at the rate of gemm, and the network is shared evenly. Of singular values
the reduction alone is counted, 8/3 N³, though half of it are products of a matrix and a vector, which memory bounds.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["CONSTANTS", "Cluster", "seconds"]

#: By function: C_f, and C_v and C_m from log₂ P and the length of blocks.
CONSTANTS: dict[str, tuple[float, Callable[[float], float], Callable[[float, int], float]]] = {
    "matmul": (2.0, lambda p: 2.0, lambda p, nb: p),
    "cholesky": (1 / 3, lambda p: 2 + p / 2, lambda p, nb: 4 + p),
    "qr": (4 / 3, lambda p: 3 + p, lambda p, nb: 2 * (nb * p + 1)),
    "svdvals": (8 / 3, lambda p: 10 * p, lambda p, nb: 17 * nb),
}


@dataclass(frozen=True)
class Cluster:
    """What ScaLAPACK runs on.

    Attributes
    ----------
    cores : int
    gflops : float
        10⁹ floating point operations a second of each.
    bandwidth : float
        Bytes a second for each core: 12.5 Gbit/s of a c7i.4xlarge over its eight cores.
    latency_s : float
        Of a message.
    block : int
        Rows and columns of a block.
    """

    cores: int
    gflops: float
    bandwidth: float = 12.5e9 / 8 / 8
    latency_s: float = 3e-5
    block: int = 128


def seconds(function: str, n: int, cluster: Cluster) -> float:
    """Time of a function on a matrix of order `n`."""
    flops, volume, messages = CONSTANTS[function]
    log = math.log2(max(cluster.cores, 2))
    return (
        flops * n**3 / cluster.cores / (cluster.gflops * 1e9)
        + volume(log) * n**2 / math.sqrt(cluster.cores) * 8 / cluster.bandwidth
        + messages(log, cluster.block) * n / cluster.block * cluster.latency_s
    )
