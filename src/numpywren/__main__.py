"""``python -m numpywren`` is the same as ``numpywren``."""

from __future__ import annotations

import sys

from numpywren.cli import main

if __name__ == "__main__":
    sys.exit(main())
