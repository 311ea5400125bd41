"""Dense linear algebra on matrices too large for any machine you own, on compute that comes and goes."""

from __future__ import annotations

__version__ = "0.1.0"
