"""Predictions of recorded curves beside the truth, and intervals that are calibrated on some and tested on others."""

from __future__ import annotations

import functools
import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from benchmarks.curve_data import (
    FAR,
    REACHES,
    Reach,
    Recorded,
    Task,
    fellows,
    over_seeds,
    published,
    recorded,
    together,
)
from benchmarks.curve_fit import fit, stacks, typical_errors
from benchmarks.curve_rivals import RIVALS
from probes.curve_prior import Mechanism, Prior
from probes.extrapolation import (
    MANY_SIZES,
    Known,
    extrapolate,
    half_width,
    left_open,
    leverage,
    mean_of_families,
    noises_of_families,
    normal_reach,
    with_families,
)
from probes.learning_curve import Company, to_loss

if TYPE_CHECKING:
    from probes.curve_families import Values


@dataclass(frozen=True)
class Widths:
    """Multiples of the spread that hold a share of the truths."""

    by_task: Mapping[tuple[int, int], float]
    """By how many sizes are known, `MANY_SIZES` standing for more, and by factor."""
    stretch: Mapping[Mechanism, float]
    """What the width is multiplied by for a mechanism; empty for losses, of which one is recorded."""
    level: float
    """Share of truths that they hold."""

    def of(self, miss: Miss) -> float | None:
        """Return the multiple of a prediction's spread; None of what was not calibrated."""
        width = self.by_task.get((miss.known, miss.task.factor))
        if width is None or miss.curve.kind == "loss":
            return width
        return width * self.stretch.get(miss.curve.mechanism, 1.0)

    def half(self, miss: Miss) -> float | None:
        """Return half the width of a prediction's interval in logarithms; None of what was not calibrated."""
        width = self.of(miss)
        return None if width is None else half_width(width, miss.spread, miss.noise, self.level)


LARGE = 512
"""Rows of a largest probe that is not small: `advisor probe` starts at 500 where there are as many."""
NAMES = {1: "one size", 2: "two sizes", MANY_SIZES: "three sizes or more"}
"""How many sizes a prediction knows, in words."""

DRAWS = 20
"""How many times the data sets are drawn into halves."""


@dataclass(frozen=True)
class Miss:
    """One prediction and the truth."""

    curve: Recorded
    task: Task
    truth: float
    """Loss or error at the target."""
    centre: float
    """Logarithm of the prediction."""
    spread: float
    """Standard deviation whose multiples widths are."""
    noise: float = 0.0
    """Standard deviation that few test rows add; 0 of recorded curves."""

    @property
    def known(self) -> int:
        """Sizes it knows, `MANY_SIZES` for more."""
        return min(self.task.known, MANY_SIZES)

    @property
    def whole(self) -> bool:
        """Whether it knows all of its curve up to the largest probe, three sizes or more."""
        return self.task.first == 0 and self.task.known >= MANY_SIZES

    @property
    def largest(self) -> int:
        """Rows of the largest probe."""
        return self.curve.sizes[self.task.end - 1]

    @property
    def error(self) -> float:
        """Distance of the prediction: a share of the loss, or points of accuracy."""
        return self.distance(math.exp(self.centre))

    def distance(self, prediction: float) -> float:
        """Return how far off a prediction is, as `error`."""
        return 100 * abs(prediction - self.truth) / (self.truth if self.curve.kind == "loss" else 1)

    def multiple(self, level: float) -> float:
        """Return the spread's multiple whose interval just reaches the truth; see `half_width`."""
        beyond = (self.centre - math.log(self.truth)) ** 2 - (normal_reach(level) * self.noise) ** 2
        return math.sqrt(max(0.0, beyond)) / self.spread


def misses(curves: Iterable[Recorded], prior: Prior | None = None, reach: Reach | None = None) -> list[Miss]:
    """Predict every target of every curve; accuracies with what a prior takes for typical.

    With a reach each knows the others of these curves on its data set and seed, too (`benchmarks.curve_data.fellows`);
    one that has none is left out.
    """
    if prior is None:
        return [
            Miss(asked.curve, asked.task, asked.truth, float(centre[0]), float(spread[0]))
            for curve in curves
            for asked in _asked(curve)
            for centre, spread in [extrapolate(asked.sizes, asked.values, asked.target)]
        ]
    made = []
    for stack in stacks(tuple(curves), reach):
        found = typical_errors(prior, stack)
        if stack.tasks[0][1].known >= MANY_SIZES:  # as all of a stack are
            every = [_power_laws(curve, task) for curve, task in stack.tasks]
            laws = np.array([said for said, _, _ in every])
            noises = np.array([noises_of_families(prior, own, levers) for _, levers, own in every])
            found = with_families(found, laws, *noises.T)
        made += [
            Miss(curve, task, float(truth), *map(float, of))
            for (curve, task), truth, *of in zip(
                stack.tasks, stack.truth, found.centre, found.spread, found.noise, strict=True
            )
        ]
    return made


@functools.cache
def _power_laws(curve: Recorded, task: Task) -> tuple[float, Values, Known]:
    """Return what the mean of families says of what, and its leverages: the same whatever others taught."""
    own, target = curve.known(range(task.first, task.end)), np.array([float(curve.sizes[task.target])])
    return float(mean_of_families(own.sizes, own.errors, target)[0]), leverage(own.sizes, target)[:, 0], own


@dataclass(frozen=True, eq=False)
class Asked:
    """One prediction to make, with what it knows."""

    curve: Recorded
    task: Task
    sizes: Values
    values: Values
    target: Values
    truth: float


@functools.cache
def _asked(curve: Recorded) -> tuple[Asked, ...]:
    sizes, values = np.array(curve.sizes, float), np.array([to_loss(curve.kind, score) for score in curve.scores])
    tasks = curve.tasks() if curve.kind == "loss" else (*curve.tasks(), *curve.short_tasks())
    return tuple(
        Asked(curve, task, sizes[known], values[known], sizes[at], float(values[task.target]))
        for task in tasks
        for known, at in [(slice(task.first, task.end), slice(task.target, task.target + 1))]
    )


@functools.cache
def rival_errors(curves: tuple[Recorded, ...], rival: str, least: int = 0) -> list[float]:
    """Return how far off a rival is at eight times a largest probe of `least` rows, at least, from three sizes on."""
    errors = []
    for asked in (asked for curve in curves for asked in _asked(curve)):
        miss = Miss(asked.curve, asked.task, asked.truth, 0.0, 1.0)
        if miss.task.factor == FAR and miss.whole and miss.largest >= least:
            said = float(RIVALS[rival](asked.sizes, asked.values, asked.target)[0])
            errors.append(miss.distance(max(said, 0.0) if miss.curve.kind == "loss" else min(max(said, 0.0), 1.0)))
    return errors


def quantile(values: Sequence[float], weights: Sequence[float], level: float) -> float:
    """Return the least value that this share of the weight does not exceed.

    Examples
    --------
    >>> quantile([3.0, 1.0, 2.0, 4.0], [1, 1, 1, 1], 0.5), quantile([3.0, 1.0, 2.0, 4.0], [1, 1, 1, 9], 0.5)
    (2.0, 4.0)
    """
    order = np.argsort(values)
    reached = np.cumsum(np.array(weights, float)[order])
    place = int(np.searchsorted(reached, level * reached[-1] * (1 - 1e-12)))
    return float(np.array(values)[order][place])


def quantiles(made: Sequence[Miss], level: float) -> Widths:
    """Return the multiple of the spread that holds this share of the truths; every unit has the same weight.

    Conformal quantiles of hierarchical data (Dunn, Wasserman and Ramdas 2023): what is drawn is the data set, or for
    losses the curve, and its predictions share its weight. The new unit is one more of which nothing is known: with all
    its weight above the others at least this share is held whatever they are, but up to 1 / (units + 1) more (Lee,
    Barber and Willett 2023); with all of it below, at most this share. Half of it above aims at the share itself.

    Of an accuracy they are stretched by what learned: as far as the predictions of one mechanism need, all in one,
    since each has too few curves for widths of its own (Mondrian conformal prediction, Vovk, Gammerman and Shafer 2005,
    with widths that keep their proportions).
    """
    multiples: dict[tuple[int, int], list[tuple[Miss, float]]] = defaultdict(list)
    for miss in made:
        multiples[miss.known, miss.task.factor].append((miss, miss.multiple(level)))
    by_task = {task: _reached(own, level) for task, own in sorted(multiples.items())}
    ratios: dict[Mechanism, list[tuple[Miss, float]]] = defaultdict(list)
    for task, own in multiples.items():
        for miss, multiple in own:
            if miss.curve.kind == "accuracy":
                ratios[miss.curve.mechanism].append((miss, multiple / by_task[task]))
    return Widths(by_task, {mechanism: _reached(own, level) for mechanism, own in ratios.items()}, level)


def _reached(found: Sequence[tuple[Miss, float]], level: float) -> float:
    """Return the value that this share does not exceed, every unit having the same weight; see `quantiles`."""
    count = Counter(m.curve.unit for m, _ in found)
    weights = [1 / count[m.curve.unit] for m, _ in found]
    return quantile([value for _, value in found], weights, min(1.0, level * (1 + 1 / (2 * len(count)))))


def inside(made: Iterable[Miss], widths: Widths) -> list[bool]:
    """Return whether each truth lies in its interval; what has no width was not calibrated and is left out."""
    pairs = [(m, widths.of(m)) for m in made]
    return [m.multiple(widths.level) <= width for m, width in pairs if width is not None]


def by_dataset(made: Iterable[Miss], widths: Widths) -> dict[str, list[bool]]:
    """Return whether each truth lies in its interval, by data set."""
    own: dict[str, list[Miss]] = defaultdict(list)
    for miss in made:
        own[miss.curve.dataset].append(miss)
    return {name: inside(found, widths) for name, found in own.items()}


def mean_share(found: Mapping[str, Sequence[bool]]) -> float:
    """Return the share held in percent in the mean of groups, however many predictions each has."""
    return round(100 * float(np.mean([np.mean(own) for own in found.values() if len(own)])), 1)


def of_factor(made: Iterable[Miss], factor: int) -> list[Miss]:
    """Return the predictions at so many times the largest probe."""
    return [m for m in made if m.task.factor == factor]


def held(made: Sequence[Miss], group: Callable[[Recorded], str], level: float) -> dict[str, list[bool]]:
    """Return for each group whether its truths lie in intervals calibrated on the other groups."""
    groups: dict[str, list[Miss]] = defaultdict(list)
    for miss in made:
        groups[group(miss.curve)].append(miss)
    return {
        name: inside(own, quantiles([m for m in made if group(m.curve) != name], level)) for name, own in groups.items()
    }


@functools.cache
def losses() -> tuple[Miss, ...]:
    """Return all predictions of losses."""
    return tuple(misses(published()))


@functools.cache
def accuracy_curves(of: Literal["seeds", "means"] = "seeds") -> tuple[Recorded, ...]:
    """Return the recorded accuracies, seed by seed, or averaged over seeds where there are several."""
    return tuple(recorded() if of == "seeds" else over_seeds(recorded()))


@functools.cache
def left_open_at_most() -> float:
    """Return the most of a gain's variance that others on the same data leave (`probes.extrapolation.left_open`)."""
    prior, among = typical(frozenset(curve.dataset for curve in accuracy_curves())), together(accuracy_curves())
    return max(
        float(
            left_open(prior, asked.curve.known([asked.task.end - 1]), asked.target, [o.known(p) for o, p in found])[0]
        )
        for curve in accuracy_curves()
        for asked in _asked(curve)
        for reach in REACHES
        if (found := fellows(curve, asked.task, reach, among))
    )


@functools.cache
def typical(known: frozenset[str]) -> Prior:
    """Return what is typical of the curves of these data sets."""
    return fit(_curves_of(known))


@functools.cache
def fitted(known: frozenset[str], company: Company = "alone") -> tuple[Prior, tuple[Miss, ...]]:
    """Return the prior of these data sets, and how far off it is on them: what intervals are calibrated by."""
    prior, curves = typical(known), _curves_of(known)
    reaches: Sequence[Reach | None] = [None] if company == "alone" else REACHES
    return prior, tuple(miss for reach in reaches for miss in misses(curves, prior, reach))


def _curves_of(known: frozenset[str]) -> list[Recorded]:
    return [curve for curve in accuracy_curves() if curve.dataset in known]


@dataclass(frozen=True, eq=False)
class Fold:
    """A data set that was held out, with what was learned from the others."""

    dataset: str
    seen: tuple[Miss, ...]
    """Of the data sets that were learned from."""
    own: tuple[Miss, ...]
    """Of the data set held out."""
    means: tuple[Miss, ...]
    """Of its means over seeds."""

    def widths(self, level: float) -> Widths:
        """Return the widths of intervals that do not know the data set."""
        return _widths(self, level)


@functools.cache
def _widths(fold: Fold, level: float) -> Widths:
    return quantiles(fold.seen, level)


@functools.cache
def folds(reach: Reach | None = None) -> tuple[Fold, ...]:
    """Hold each data set out in turn: neither typical slopes nor widths know it. By reach curves know others."""
    names = frozenset(curve.dataset for curve in accuracy_curves())
    made = []
    for name in sorted(names):
        prior, seen = fitted(names - {name}, "together" if reach else "alone")
        own, means = (
            tuple(misses((curve for curve in accuracy_curves(of) if curve.dataset == name), prior, reach))
            for of in ("seeds", "means")
        )
        made.append(Fold(name, seen, own, means))
    return tuple(made)


def held_out(made: Iterable[Miss], level: float = 0.8, reach: Reach | None = None) -> dict[str, list[bool]]:
    """Return for each data set whether these of its truths lie in intervals that do not know it."""
    asked = set(made)
    return {fold.dataset: inside([m for m in fold.own if m in asked], fold.widths(level)) for fold in folds(reach)}


def split(known: frozenset[str], level: float = 0.8) -> tuple[list[Miss], Widths]:
    """Learn from some data sets: return the predictions on the others, and the widths of their intervals."""
    prior, seen = fitted(known)
    fresh = misses((curve for curve in accuracy_curves() if curve.dataset not in known), prior)
    return fresh, quantiles(seen, level)


@functools.cache
def halves(level: float = 0.8) -> list[float]:
    """Return the share held in percent on one half of the data sets, learned from the other half, a number a draw."""
    names = sorted({curve.dataset for curve in accuracy_curves()})
    draw = np.random.default_rng(0)
    drawn = [frozenset(draw.permutation(names)[: len(names) // 2].tolist()) for _ in range(DRAWS)]
    return [mean_share(by_dataset(*split(known, level))) for known in drawn]
