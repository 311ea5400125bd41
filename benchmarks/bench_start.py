"""What small things cost: importing numpywren, and a small factorization with default settings.

python benchmarks/bench_start.py
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from typing import Any

import numpy as np
from timing import alternate


def importing(statement: str) -> float:
    """Seconds that a fresh interpreter takes to import, its own start apart."""
    code = f"import time; start = time.perf_counter(); {statement}; print(time.perf_counter() - start)"
    return float(subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout)


def imports(repeats: int) -> float:
    """Time to import numpywren over that of SciPy's linalg and Zarr."""
    results: Any = alternate(
        {
            "import numpywren": lambda: importing("import numpywren"),
            "import scipy.linalg, zarr": lambda: importing("import scipy.linalg, zarr"),
        },
        repeats,
    )
    for name, timing in results.items():
        print(f"{name:28} {timing.seconds:.3f} s")
    mine, other = (timing.seconds for timing in results.values())
    return round(mine / other, 3)


def small(n: int, repeats: int) -> float:
    """Milliseconds of a small factorization, from a NumPy array to an array in the store, once libraries are warm."""
    import numpywren as nw

    a = np.random.default_rng(0).standard_normal((n, n))
    a = a @ a.T + n * np.eye(n)
    nw.linalg.cholesky(a)
    runs = []
    for _ in range(repeats):
        start = time.perf_counter()
        nw.linalg.cholesky(a)
        runs.append(1e3 * (time.perf_counter() - start))
    spread = f"from {min(runs):.1f} to {max(runs):.1f}"
    print(f"cholesky {n} × {n}, default settings: {statistics.median(runs):.1f} ms ({spread})")
    return round(statistics.median(runs), 2)


def main(arguments: list[str] | None = None) -> dict[str, float]:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--n", type=int, default=256)
    parser.add_argument("--repeats", type=int, default=9)
    given = parser.parse_args(arguments)
    return {"import ratio": imports(given.repeats), "small cholesky ms": small(given.n, given.repeats)}


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1:])))
