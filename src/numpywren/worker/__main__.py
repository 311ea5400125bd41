"""``python -m numpywren.worker URL OPTIONS``: what backends start."""

from __future__ import annotations

import sys

from numpywren.worker.entry import main

if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
