"""How fast errors fall is told by tripling."""

from __future__ import annotations

import math

import pytest

pytest.importorskip("benchmarks.curves", reason="the benchmarks are not part of a distribution")
from benchmarks import curve_falls
from benchmarks.curve_data import Recorded
from tests.benchmarks.made_curves import accuracy


def test_falls_are_told_by_tripling_with_every_data_set_counting_the_same() -> None:
    def falling(dataset: str, nats: float, seed: int = 0) -> Recorded:
        return accuracy(dataset, [1 - 0.5 * math.exp(-nats * math.log(2, 3) * k) for k in range(5)], seed)

    made = [*(falling("a", 0.1, seed) for seed in range(9)), falling("b", 0.2), falling("c", 0.3)]
    found = curve_falls.falls(made)["baseline"]
    assert (found["2"]["median"], found["8"]["median"]) == (0.2, 0.2)
    assert (found["2"]["falls"], found["8"]["falls"], found["2"]["datasets"]) == (33, 11, 3)
    assert found["8"]["spread"] == pytest.approx(math.sqrt(10 / 11) / 10, abs=1e-3)
