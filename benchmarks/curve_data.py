"""The curves that predictions are judged on: published losses of fine-tuning, and accuracies recorded here."""

from __future__ import annotations

import csv
import functools
import statistics
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from benchmarks.common import SHARED
from benchmarks.record_curves import FILE, SMALLEST
from probes.curve_prior import Mechanism, mechanism_of
from probes.extrapolation import MANY_SIZES, Kind, Known
from probes.learning_curve import TEST_ROWS, to_loss
from strategies import STRATEGIES

PUBLISHED = SHARED.parent / "published" / "curves"
SETS = ("flan", "gigaword", "wmt19")

LOOKED_AT_MODELS = frozenset({"BART", "GPT2", "OPT", "Switch Transformer"})
"""Model families on whose losses the method was designed, 16 of 30 models; gigaword was seen for all of them."""

LOOKED_AT_DATASETS = frozenset({"subjectivity", "banking77", "chess_openings", "dna_splice", "sentence_polarity"})
"""Data sets on whose accuracies the method was designed: the first seed of baseline and linear probe."""

FACTORS = (2, 4, 8, 16)
"""How many times the largest probe a target is."""

FAR = 8
"""The factor that goals are about."""


@dataclass(frozen=True)
class Task:
    """One prediction to make, by places on its curve."""

    first: int
    """Of the first size it knows."""
    end: int
    """Behind the last size it knows."""
    target: int
    factor: int
    """Rows at the target over those of the last known size."""

    @property
    def known(self) -> int:
        """Sizes it knows."""
        return self.end - self.first


@dataclass(frozen=True)
class Recorded:
    """One recorded curve over doubling train sizes."""

    kind: Kind
    dataset: str
    model: str
    """Family of models, or the strategy."""
    seed: int | None
    """None for the mean over seeds."""
    sizes: tuple[int, ...]
    scores: tuple[float, ...]
    test_rows: int = 0
    """Behind each accuracy; 0 for losses."""
    seeds: int = 1
    """How many it is the mean of."""

    @property
    def mechanism(self) -> Mechanism:
        """What learned; of an accuracy only."""
        return _mechanism_of(self.model)

    @property
    def unit(self) -> str | Recorded:
        """What is drawn when a curve is recorded: its data set, of losses the curve, as there are three sets."""
        return self if self.kind == "loss" else self.dataset

    @property
    def looked_at(self) -> bool:
        """Whether the method was designed with it in sight."""
        return self.model in LOOKED_AT_MODELS if self.kind == "loss" else self.dataset in LOOKED_AT_DATASETS

    def tasks(self) -> Iterator[Task]:
        """Yield every prediction from the first three or more sizes."""
        for end in range(MANY_SIZES, len(self.sizes)):
            yield from self._from(0, end)

    def short_tasks(self) -> Iterator[Task]:
        """Yield every prediction from one size, from two and from three, wherever on the curve they stand.

        Those of `tasks` are not repeated. A probe on thousands of rows knows no curve from its first rows on.
        """
        for end in range(1, len(self.sizes)):
            for known in range(1, min(end, MANY_SIZES + 1)):
                yield from self._from(end - known, end)
            if end < MANY_SIZES:
                yield from self._from(0, end)

    def known(self, places: Sequence[int]) -> Known:
        """Return what is known of an accuracy by these places of its sizes."""
        return Known(
            mechanism=self.mechanism,
            sizes=np.array([self.sizes[place] for place in places], float),
            errors=np.array([to_loss(self.kind, self.scores[place], self.test_rows or TEST_ROWS) for place in places]),
            test_rows=self.test_rows,
            seeds=np.full(len(places), float(self.seeds)),
        )

    def _from(self, first: int, end: int) -> Iterator[Task]:
        for factor in FACTORS:
            target = factor * self.sizes[end - 1]
            if target in self.sizes:
                yield Task(first, end, self.sizes.index(target), factor)


Together = Mapping[tuple[str, int | None], Sequence[Recorded]]
"""Curves by data set and seed."""


def together(curves: Iterable[Recorded]) -> Together:
    """Put the curves of one data set and seed together."""
    found: dict[tuple[str, int | None], list[Recorded]] = defaultdict(list)
    for curve in curves:
        found[curve.dataset, curve.seed].append(curve)
    return found


Reach = Literal["beside", "ahead"]
"""How far others on the same data were measured: as far as the largest probe, or as the target."""
REACHES: tuple[Reach, ...] = get_args(Reach)


def fellows(curve: Recorded, task: Task, reach: Reach, among: Together) -> list[tuple[Recorded, tuple[int, ...]]]:
    """Return the other curves of the data set and seed, with the places a prediction knows of each.

    They are about what the ladder has, where rungs are thirds and cheap candidates learn from halves and quarters too:
    the most rows by their reach, a half and a quarter of them. A curve without the most, or with that alone, is left
    out.
    """
    most = curve.sizes[task.target if reach == "ahead" else task.end - 1]
    found = []
    for other in among[curve.dataset, curve.seed]:
        places = tuple(other.sizes.index(size) for size in (most // 4, most // 2, most) if size in other.sizes)
        if other.model != curve.model and most in other.sizes and len(places) > 1:
            found.append((other, places))
    return found


@functools.cache
def _mechanism_of(strategy: str) -> Mechanism:
    mechanism = mechanism_of(next(each.method for each in STRATEGIES if each.name == strategy))
    if mechanism is None:
        raise ValueError(f"{strategy} does not learn from training rows")
    return mechanism


def published() -> list[Recorded]:
    """Read the 90 curves of Lin et al. (2024): 30 models on three data sets, 200 to 1,638,400 rows."""
    if not PUBLISHED.is_dir():
        sys.exit(f"{PUBLISHED} is missing: put the published curves there, beside the data sets.")
    curves = []
    for name in SETS:
        with (PUBLISHED / f"{name}.csv").open(encoding="utf-8", newline="") as stream:
            for row in csv.DictReader(stream):
                sizes = tuple(int(field) for field in row if field.isdigit() and field != "0")
                scores = tuple(float(row[str(size)]) for size in sizes)
                curves.append(Recorded("loss", name, row["family"], 0, sizes, scores))
    return curves


def recorded() -> list[Recorded]:
    """Read the recorded accuracies, one curve a data set, strategy and seed."""
    points: dict[tuple[str, str, int], dict[int, float]] = defaultdict(dict)
    test_rows: dict[str, int] = {}
    with FILE.open(encoding="utf-8", newline="") as stream:
        for row in csv.DictReader(stream):
            points[row["dataset"], row["strategy"], int(row["seed"])][int(row["size"])] = float(row["score"])
            test_rows[row["dataset"]] = int(row["test_rows"])
    curves = (_doubling(*key, scores, test_rows[key[0]]) for key, scores in sorted(points.items()))
    return [curve for curve in curves if len(curve.sizes) > 1]


def over_seeds(curves: Sequence[Recorded]) -> list[Recorded]:
    """Return the means over seeds, for data sets and strategies that have several, at the sizes all of them have."""
    by_strategy: dict[tuple[str, str], list[Recorded]] = defaultdict(list)
    for curve in curves:
        by_strategy[curve.dataset, curve.model].append(curve)
    means = []
    for (name, strategy), several in by_strategy.items():
        if len(several) > 1:
            sizes = set.intersection(*(set(curve.sizes) for curve in several))
            scores = {n: statistics.mean(c.scores[c.sizes.index(n)] for c in several) for n in sizes}
            means.append(_doubling(name, strategy, None, scores, several[0].test_rows, len(several)))
    return means


def _doubling(
    name: str, model: str, seed: int | None, scores: dict[int, float], test_rows: int, seeds: int = 1
) -> Recorded:
    """Leave out the last size, all rows, where it is no doubling, and what once was recorded below the smallest.

    On fewer rows than that most curves are still flat.
    """
    sizes = sorted(size for size in scores if size >= SMALLEST)
    kept = tuple(size for size in sizes if size == sizes[0] or 2 * sizes[sizes.index(size) - 1] == size)
    return Recorded("accuracy", name, model, seed, kept, tuple(scores[size] for size in kept), test_rows, seeds)
