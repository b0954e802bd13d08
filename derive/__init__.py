"""State a machine-learning model once, symbolically; everything else is derived from that statement."""

from __future__ import annotations

__version__ = "0.1.0"
