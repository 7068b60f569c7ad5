"""Fits what is typical of recorded accuracy curves (`probes.curve_prior.Prior`) to some of them."""

from __future__ import annotations

import functools
import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.curve_data import FAR, REACHES, Reach, Recorded, Task, fellows, together
from probes.curve_prior import MECHANISMS, Prior, continued
from probes.extrapolation import RECORDED_ROWS, Continued, parted
from probes.learning_curve import to_loss

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from probes.curve_families import Values
    from probes.extrapolation import Known

TEST_NOISE = 0.58
"""Noise of an accuracy in multiples of the standard error its test rows alone would give.

Sizes of a curve are measured on the same test rows, so that only the rows on which they differ make noise. Not fitted:
recorded curves have hundreds of test rows and more, and tell little of it; `benchmarks.curve_rows` measures it."""
START = Prior(
    slopes=dict.fromkeys(MECHANISMS, -0.1), spread=0.1, reach=3.0, test_noise=TEST_NOISE, seed_noise=0.02, shared=0.0
)
"""Where the search starts, and what few curves stay near to."""
PULL = 0.02
"""Points that a number a factor of e off its start costs, so that none runs away where no curve tells of it."""

CORRELATIONS = tuple(tenth / 10 for tenth in range(11))
"""Correlations between the slopes of one data set that are tried."""
ABOUT = 0.02
"""Share of the least error that another may lie above it and be about the same."""


Offsets = tuple[tuple[float, ...], ...]
"""Of every known size from the last of one's own, in doublings: one's own, then those of others."""


@dataclass(frozen=True)
class Stack:
    """Every task of some curves that knows the same places of its own curve and of others."""

    tasks: Sequence[tuple[Recorded, Task]]
    places: Values
    whose: NDArray[np.int64]
    logs: Values
    test_rows: Values
    seeds: Values
    mechanisms: NDArray[np.int64]
    """Place of each candidate's mechanism in `MECHANISMS`, of the one in question first; shape (curves, candidates)."""
    asked: NDArray[np.int64]
    """Doublings beyond the last known size, less one."""
    truth: Values
    """Errors there."""
    weight: Values
    """Of each task up to `FAR` times its rows: every data set counts the same; nothing of those beyond."""


def stacks(curves: Sequence[Recorded], reach: Reach | None = None) -> list[Stack]:
    """Put the tasks of accuracy curves together by what they know: others on the same data, or with no reach none.

    Who should know others and has none is left out.
    """
    by_dataset: dict[str, list[Recorded]] = defaultdict(list)
    for curve in curves:
        by_dataset[curve.dataset].append(curve)
    alike: dict[Offsets, list[tuple[Recorded, Task, Sequence[Known]]]] = defaultdict(list)
    count: Counter[str] = Counter()
    for name, own in by_dataset.items():
        for curve, task, offsets, every in _tasks_of(tuple(own), reach):
            alike[offsets].append((curve, task, every))
            count[name] += task.factor <= FAR
    return [_stack(offsets, own, count) for offsets, own in sorted(alike.items(), key=lambda one: one[0])]


@functools.cache  # a data set is learned from again and again, each time with others
def _tasks_of(curves: tuple[Recorded, ...], reach: Reach | None) -> list[tuple[Recorded, Task, Offsets, list[Known]]]:
    """Return the tasks of the curves of one data set, each with what it knows of itself and of others."""
    among, found = together(curves), []
    for curve in curves:
        for task in (*curve.tasks(), *curve.short_tasks()):
            others = fellows(curve, task, reach, among) if reach else []
            if others or reach is None:
                every = [(curve, tuple(range(task.first, task.end))), *others]
                last = curve.sizes[task.end - 1]
                offsets = tuple(tuple(math.log2(each.sizes[p] / last) for p in places) for each, places in every)
                found.append((curve, task, offsets, [each.known(places) for each, places in every]))
    return found


def _stack(offsets: Offsets, own: Sequence[tuple[Recorded, Task, Sequence[Known]]], count: Mapping[str, int]) -> Stack:
    first = min(each[0] for each in offsets)
    return Stack(
        tasks=[(curve, task) for curve, task, _ in own],
        places=np.array([offset - first for each in offsets for offset in each]),
        whose=np.repeat(np.arange(len(offsets)), [len(each) for each in offsets]),
        logs=np.log([np.concatenate([each.errors for each in every]) for _, _, every in own]),
        test_rows=np.array([[curve.test_rows] for curve, _, _ in own], float),
        seeds=np.array([[curve.seeds] for curve, _, _ in own], float),
        mechanisms=np.array([[MECHANISMS.index(each.mechanism) for each in every] for _, _, every in own]),
        asked=np.array([task.target - task.end for _, task, _ in own]),
        truth=np.array([to_loss("accuracy", curve.scores[task.target]) for curve, task, _ in own]),
        weight=np.array([1 / count[curve.dataset] if task.factor <= FAR else 0.0 for curve, task, _ in own]),
    )


def typical_errors(prior: Prior, stack: Stack) -> Continued:
    """Return what `probes.extrapolation.typical_error` does of each task."""
    centre, variance = _measured(prior, stack, stack.test_rows)
    _, calibrated = _measured(prior, stack, np.maximum(stack.test_rows, RECORDED_ROWS))
    return parted(centre, variance, calibrated)


def _measured(prior: Prior, stack: Stack, test_rows: Values) -> tuple[Values, Values]:
    """Return the error's logarithm at the target of each task, and the variance of one measurement there."""
    noise = prior.noise(stack.logs, test_rows, stack.seeds)
    slopes = np.array([prior.slopes[name] for name in MECHANISMS])
    ahead = stack.places[stack.whose == 0][-1] + 1 + np.arange(stack.asked.max() + 1.0)
    found = continued(prior, slopes[stack.mechanisms], stack.places, stack.whose, stack.logs, noise, ahead)
    centre, variance = (values[np.arange(len(values)), stack.asked] for values in found)
    return centre, variance + prior.noise(centre, test_rows[:, 0], 1)


def miss(prior: Prior, made: Sequence[Stack], datasets: int) -> float:
    """Return how far off predictions are in the mean, in points: every data set counts the same."""
    total = 0.0
    for stack in made:
        centre, _ = _measured(prior, stack, stack.test_rows)
        total += float(100 * abs(np.exp(np.minimum(centre, 0.0)) - stack.truth) @ stack.weight)
    return total / datasets


def fit(curves: Sequence[Recorded]) -> Prior:
    """Return the prior that continues these curves with the least mean absolute error, in points.

    Typical slopes and how they wander are those of single curves; only then is asked how much of that curves share.
    """
    from scipy.optimize import minimize

    made, datasets = stacks(curves), len({curve.dataset for curve in curves})
    start = _numbers(START)

    def cost(numbers: Values) -> float:
        pull = ((numbers[:-3] - numbers[:-3].mean()) / 0.1) ** 2
        return miss(_prior(numbers), made, datasets) + PULL * float(pull.sum() + ((numbers - start)[-3:] ** 2).sum())

    found = minimize(cost, start, method="Nelder-Mead", options={"maxiter": 2_000, "xatol": 1e-3, "fatol": 1e-4})
    return _with_shared(_prior(found.x), curves, datasets)


def _with_shared(prior: Prior, curves: Sequence[Recorded], datasets: int) -> Prior:
    """Return a prior of single curves with the correlation by which the others on a data set help.

    The least whose error is about the least: a higher one helps no more, and makes a prediction too sure of itself. So
    the one-standard-error rule chooses (Hastie, Tibshirani and Friedman 2009, section 7.10), here with a share.
    """
    made = [stack for reach in REACHES for stack in stacks(curves, reach)]
    tried = [prior.model_copy(update={"shared": shared}) for shared in CORRELATIONS]
    errors = [miss(one, made, datasets) for one in tried]
    return next(one for one, error in zip(tried, errors, strict=True) if error <= (1 + ABOUT) * min(errors))


def _numbers(prior: Prior) -> Values:
    rest = [prior.spread, prior.reach, prior.seed_noise]
    return np.array([*(prior.slopes[name] for name in MECHANISMS), *np.log(rest)])


def _prior(numbers: Values) -> Prior:
    spread, reach, seed_noise = (round(float(number), 4) for number in np.exp(numbers[-3:]))
    slopes = dict(zip(MECHANISMS, (round(float(number), 4) for number in numbers), strict=False))
    return START.model_copy(update={"slopes": slopes, "spread": spread, "reach": reach, "seed_noise": seed_noise})
