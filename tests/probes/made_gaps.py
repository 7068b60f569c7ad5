"""Comparisons that are open, made by hand."""

from __future__ import annotations

from typing import Any

from probes.power import Gap


def gap(**more: Any) -> Gap:
    """Return a gap that rows alone settle, with what is given in place of its own."""
    settings: dict[str, Any] = {
        "distance": 0.02,
        "level": 0.025,
        "power": 0.8,
        "rows": 500,
        "row_variance": 0.1,
        "seed_variances": (0.0, 0.0),
        "seeds": (1, 1),
    }
    return Gap(**(settings | more))
