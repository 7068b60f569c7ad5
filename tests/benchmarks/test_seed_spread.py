"""The spread of seeds is that of what is true of them, and not of which test rows they happen to have right."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("benchmarks.curves", reason="the benchmarks are not part of a distribution")
from benchmarks.curve_data import Recorded
from benchmarks.seed_spread import draws, spread


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


def test_draws_are_pooled_over_data_sets_at_each_size() -> None:
    def curve(dataset: str, seed: int, *scores: float) -> Recorded:
        return Recorded("accuracy", dataset, "baseline", seed, (64, 128), scores, test_rows=1_000)

    curves = [curve("a", 0, 0.5, 0.8), curve("a", 1, 0.5, 0.8), curve("b", 0, 0.4, 0.8), curve("b", 1, 0.6, 0.8)]
    alone = curve("c", 0, 0.1, 0.9)
    found = draws([*curves, alone])
    assert found == {("baseline", 64): pytest.approx((0.02 / 0.25 / 2) ** 0.5), ("baseline", 128): 0}
