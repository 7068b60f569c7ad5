"""Made-up curves for the benchmarks of curves."""

from __future__ import annotations

from collections.abc import Iterable

from benchmarks.curve_data import Recorded
from probes.learning_curve import Point


def accuracy(dataset: str, scores: list[float], seed: int = 0, model: str = "baseline") -> Recorded:
    return Recorded("accuracy", dataset, model, seed, sizes(scores), tuple(scores), test_rows=2_000)


def loss(dataset: str, values: list[float]) -> Recorded:
    return Recorded("loss", dataset, "made", 0, sizes(values), tuple(values))


def sizes(values: list[float]) -> tuple[int, ...]:
    return tuple(64 << k for k in range(len(values)))


def as_points(curve: Recorded, places: Iterable[int]) -> tuple[Point, ...]:
    return tuple(Point(size=curve.sizes[place], score=curve.scores[place]) for place in places)
