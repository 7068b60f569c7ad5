"""The spread of seeds is that of what is true of them, and not of which test rows they happen to have right."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("benchmarks.curves", reason="the benchmarks are not part of a distribution")
from benchmarks.seed_spread import spread


@pytest.mark.parametrize(
    "own", [0.0, 0.7, 1.0], ids=["the same rows", "some rows of their own", "all rows of their own"]
)
@pytest.mark.parametrize("sd", [0.0, 0.02])
def test_what_rows_add_by_chance_is_taken_off(sd: float, own: float) -> None:
    rng = np.random.default_rng(0)
    found = []
    for _ in range(400):
        accuracy = np.clip(rng.normal(0.8, sd, size=(5, 1)), 0, 1)
        anew = rng.random((5, 1_000)) < own
        found.append(spread(np.where(anew, rng.random((5, 1_000)), rng.random(1_000)) < accuracy)[0])
    error = np.std(found) / len(found) ** 0.5
    assert np.mean(found) == pytest.approx(sd**2, abs=3 * error + 1e-9)
