"""The rivals continue the curves they are made for."""

from __future__ import annotations

import math

import pytest

pytest.importorskip("benchmarks.curves", reason="the benchmarks are not part of a distribution")
from benchmarks.curve_rivals import RIVALS


def test_the_rivals_find_their_own_curves() -> None:
    import numpy as np

    sizes, targets = np.array([32.0, 64, 128, 256, 512]), np.array([4096.0])
    straight = 2 - 0.2 * np.log(sizes)
    truth = 2 - 0.2 * math.log(4096)
    for name in ("log-linear", "last three, log-linear", "best by leave-last-out"):
        assert RIVALS[name](sizes, straight, targets) == pytest.approx(truth, rel=1e-6)
    bent = 0.3 + 4 / (20 + sizes**0.8)
    assert RIVALS["MMF"](sizes, bent, targets) == pytest.approx(0.3 + 4 / (20 + 4096**0.8), rel=0.02)
