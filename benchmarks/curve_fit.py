"""Fits what is typical of recorded accuracy curves (`probes.curve_prior.Prior`) to some of them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.curve_data import FAR, Recorded, Task
from probes.curve_prior import MECHANISMS, Prior, continued
from probes.learning_curve import to_loss

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from probes.curve_families import Values

START = Prior(
    slopes=dict.fromkeys(MECHANISMS, -0.1), spread=0.1, reach=3.0, test_noise=0.6, seed_noise=0.02
)  # fmt: skip
"""Where the search starts, and what few curves stay near to."""
PULL = 0.02
"""Points that a number a factor of e off its start costs, so that none runs away where no curve tells of it."""


@dataclass(frozen=True)
class Stack:
    """Every task of some curves that knows the same number of sizes."""

    places: Values
    logs: Values
    test_rows: Values
    seeds: Values
    mechanisms: list[int]
    """Place of each curve's mechanism in `MECHANISMS`."""
    asked: NDArray[np.int64]
    """Doublings beyond the last known size, less one."""
    truth: Values
    """Errors there."""
    weight: Values
    """Of each task: every data set counts the same."""


def stacks(curves: Sequence[Recorded]) -> list[Stack]:
    """Put the tasks of accuracy curves together by how many sizes they know."""
    tasks = [(curve, task) for curve in curves for task in (*curve.tasks(), *curve.short_tasks()) if task.factor <= FAR]
    count = Counter(curve.dataset for curve, _ in tasks)
    by_known: dict[int, list[tuple[Recorded, Task]]] = defaultdict(list)
    for curve, task in tasks:
        by_known[task.known].append((curve, task))
    return [_stack(known, own, count) for known, own in sorted(by_known.items())]


def _stack(known: int, own: Sequence[tuple[Recorded, Task]], count: Mapping[str, int]) -> Stack:
    errors = [[to_loss("accuracy", score) for score in curve.scores] for curve, _ in own]
    return Stack(
        places=np.arange(known, dtype=float),
        logs=np.log([error[task.first : task.end] for error, (_, task) in zip(errors, own, strict=True)]),
        test_rows=np.array([[curve.test_rows] for curve, _ in own], float),
        seeds=np.array([[curve.seeds] for curve, _ in own], float),
        mechanisms=[MECHANISMS.index(curve.mechanism) for curve, _ in own],
        asked=np.array([task.target - task.end for _, task in own]),
        truth=np.array([error[task.target] for error, (_, task) in zip(errors, own, strict=True)]),
        weight=np.array([1 / count[curve.dataset] for curve, _ in own]),
    )


def miss(prior: Prior, made: Sequence[Stack], datasets: int) -> float:
    """Return how far off predictions are in the mean, in points: every data set counts the same."""
    slopes, total = np.array([prior.slopes[name] for name in MECHANISMS]), 0.0
    for stack in made:
        noise = prior.noise(stack.logs, stack.test_rows, stack.seeds)
        ahead = len(stack.places) + np.arange(stack.asked.max() + 1.0)
        centre, _ = continued(prior, slopes[stack.mechanisms], stack.places, stack.logs, noise, ahead)
        said = np.exp(np.minimum(centre[np.arange(len(centre)), stack.asked], 0.0))
        total += float(100 * abs(said - stack.truth) @ stack.weight)
    return total / datasets


def fit(curves: Sequence[Recorded]) -> Prior:
    """Return the prior that continues these curves with the least mean absolute error, in points."""
    from scipy.optimize import minimize

    made, datasets = stacks(curves), len({curve.dataset for curve in curves})
    start = _numbers(START)

    def cost(numbers: Values) -> float:
        pull = ((numbers[:-4] - numbers[:-4].mean()) / 0.1) ** 2
        return miss(_prior(numbers), made, datasets) + PULL * float(pull.sum() + ((numbers - start)[-4:] ** 2).sum())

    found = minimize(cost, start, method="Nelder-Mead", options={"maxiter": 2_000, "xatol": 1e-3, "fatol": 1e-4})
    return _prior(found.x)


def _numbers(prior: Prior) -> Values:
    rest = [prior.spread, prior.reach, prior.test_noise, prior.seed_noise]
    return np.array([*(prior.slopes[name] for name in MECHANISMS), *np.log(rest)])


def _prior(numbers: Values) -> Prior:
    spread, reach, test_noise, seed_noise = (round(float(number), 4) for number in np.exp(numbers[-4:]))
    slopes = dict(zip(MECHANISMS, (round(float(number), 4) for number in numbers), strict=False))
    return Prior(slopes=slopes, spread=spread, reach=reach, test_noise=test_noise, seed_noise=seed_noise)
