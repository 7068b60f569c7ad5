"""What is typical of curves is found by the fit: the slopes they were made with, and how much of them is shared."""

from __future__ import annotations

import math

import pytest

pytest.importorskip("benchmarks.curves", reason="the benchmarks are not part of a distribution")
from benchmarks import curve_fit
from benchmarks.curve_data import Recorded
from tests.benchmarks.made_curves import accuracy


def test_the_fit_finds_the_slopes_that_curves_were_made_with() -> None:
    made = [
        accuracy(f"{k}", [1 - start * 2 ** (slope * n) for n in range(6)], model=model)
        for k, start in enumerate((0.6, 0.5, 0.4))
        for model, slope in (("baseline", -0.3), ("linear_probe", -0.1), ("lora", -0.2))
    ]
    found = curve_fit.fit(made)
    nats = {name: slope / math.log(2) for name, slope in found.slopes.items()}
    assert nats == pytest.approx({"bag_of_words": -0.3, "frozen_features": -0.1, "tuning": -0.2}, abs=0.02)
    assert curve_fit.miss(found, curve_fit.stacks(made), 3) < 0.2
    assert curve_fit.miss(curve_fit.START, curve_fit.stacks(made), 3) > 1


def test_how_much_curves_share_is_found() -> None:
    """Slopes that are the data set's own, and slopes that are nobody's."""
    import numpy as np

    draw = np.random.default_rng(0)

    def made(own: bool) -> list[Recorded]:
        curves = []
        for k in range(12):
            slopes = np.repeat(draw.normal(-0.2, 0.12), 3) if own else draw.normal(-0.2, 0.12, 3)
            for model, slope in zip(("baseline", "linear_probe", "lora"), slopes, strict=True):
                curves.append(accuracy(f"{k}", [1 - 0.6 * math.exp(slope * n) for n in range(6)], model=model))
        return curves

    assert curve_fit.fit(made(own=True)).shared > 0.5 > curve_fit.fit(made(own=False)).shared
