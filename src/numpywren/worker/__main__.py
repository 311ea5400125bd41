"""``python -m numpywren.worker URL OPTIONS``: what backends start; `OPTIONS` is JSON, or a badge on the run's roll."""

from __future__ import annotations

import sys

from numpywren.worker.entry import main

if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
