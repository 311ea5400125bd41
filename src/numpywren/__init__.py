"""Dense linear algebra on matrices too large for any machine you own, on compute that comes and goes."""

from __future__ import annotations

from numpywren.version import __version__ as __version__
