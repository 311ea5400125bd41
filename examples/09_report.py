"""What a run did: its figures beside the prediction, its busiest kernel, and all of it as a page."""

import importlib.util

import numpy as np

import numpywren as nw

rng = np.random.default_rng(0)
M = rng.standard_normal((1024, 1024))
A = nw.asarray(M @ M.T + 1024 * np.eye(1024), chunks=128)

run = nw.submit(nw.linalg.cholesky, A)
run.wait()
report = run.report()
print(report)

busiest = report.kernels()[0]
print(f"\nmost time went into {busiest['kernel']}: {busiest['tasks']} tasks, {busiest['seconds']:.2f} s of slots")
assert report.done == report.total == report.writes  # each task of this program writes one tile

if importlib.util.find_spec("bokeh"):  # pip install 'numpywren[report]'
    report.save("cholesky.html")
    print("open cholesky.html")
run.delete()
