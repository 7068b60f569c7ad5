"""The curves that predictions are judged on: published losses of fine-tuning, and accuracies recorded here."""

from __future__ import annotations

import csv
import statistics
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from benchmarks.common import SHARED
from benchmarks.record_curves import FILE
from probes.learning_curve import Kind

PUBLISHED = SHARED.parent / "published" / "curves"
SETS = ("flan", "gigaword", "wmt19")

LOOKED_AT_MODELS = frozenset({"BART", "GPT2", "OPT", "Switch Transformer"})
"""Model families on whose losses the method was designed, 16 of 30 models; gigaword was seen for all of them."""

LOOKED_AT_DATASETS = frozenset({"subjectivity", "banking77", "chess_openings", "dna_splice", "sentence_polarity"})
"""Data sets on whose accuracies the method was designed: the first seed of baseline and linear probe."""

FACTORS = (2, 4, 8)
"""How many times the largest probe a target is."""

FEWEST = 3
"""Sizes a prediction starts from at least."""


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

    @property
    def looked_at(self) -> bool:
        """Whether the method was designed with it in sight."""
        return self.model in LOOKED_AT_MODELS if self.kind == "loss" else self.dataset in LOOKED_AT_DATASETS

    def tasks(self) -> Iterator[tuple[int, int, int]]:
        """Yield how many sizes a prediction knows, the place of its target and the factor between."""
        for known in range(FEWEST, len(self.sizes)):
            for factor in FACTORS:
                target = factor * self.sizes[known - 1]
                if target in self.sizes:
                    yield known, self.sizes.index(target), factor


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
    with FILE.open(encoding="utf-8", newline="") as stream:
        for row in csv.DictReader(stream):
            points[row["dataset"], row["strategy"], int(row["seed"])][int(row["size"])] = float(row["score"])
    return [_doubling("accuracy", *key, scores) for key, scores in sorted(points.items())]


def over_seeds(curves: Sequence[Recorded]) -> list[Recorded]:
    """Return the means over seeds, for data sets and strategies that have several, at the sizes all of them have."""
    together: dict[tuple[str, str], list[Recorded]] = defaultdict(list)
    for curve in curves:
        together[curve.dataset, curve.model].append(curve)
    means = []
    for (name, strategy), several in together.items():
        if len(several) > 1:
            sizes = set.intersection(*(set(curve.sizes) for curve in several))
            scores = {n: statistics.mean(c.scores[c.sizes.index(n)] for c in several) for n in sizes}
            means.append(_doubling("accuracy", name, strategy, None, scores))
    return means


def _doubling(kind: Kind, name: str, model: str, seed: int | None, scores: dict[int, float]) -> Recorded:
    """Leave out the last size, all rows, where it is no doubling: the others are a fixed factor apart."""
    sizes = sorted(scores)
    kept = tuple(size for size in sizes if size == sizes[0] or 2 * sizes[sizes.index(size) - 1] == size)
    return Recorded(kind, name, model, seed, kept, tuple(scores[size] for size in kept))
