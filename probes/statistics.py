"""Scores on test rows, their bootstrap, Wilson's interval and Holm's correction."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from probes.base import Frozen
from probes.measurement import Metric

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

RESAMPLES = 4_000
"""Bootstrap resamples; they give standard errors, which 4,000 know to about one percent."""

LEAST_RESAMPLES = 1_000
"""What stays of them where a resample is large."""

DRAWS = 100_000_000
"""Draws in all that a comparison may cost; where rows hardly repeat each other, resamples become fewer instead."""

LEVEL = 0.05
"""Error rate of the one-sided bounds, before Holm."""


class Interval(Frozen):
    """A score or a difference with a 95 % interval."""

    mean: float
    low: float
    high: float


def score(metric: Metric, labels: NDArray[np.int64], predictions: NDArray[np.int64]) -> float:
    """Return the metric over all rows.

    Parameters
    ----------
    metric : {'accuracy', 'macro_f1'}
    labels, predictions : ndarray of int, shape (n,)
        Class indices.

    Returns
    -------
    float
        Between 0 and 1.

    Examples
    --------
    >>> import numpy as np
    >>> score("accuracy", np.array([0, 1, 1]), np.array([0, 1, 0]))
    0.6666666666666666
    >>> score("macro_f1", np.array([0, 1, 1]), np.array([0, 1, 0]))
    0.6666666666666666
    """
    import numpy as np

    return float(resampled_scores(metric, labels, predictions, np.ones((1, len(labels)), np.float32))[0])


def resampled_scores(
    metric: Metric, labels: NDArray[np.int64], predictions: NDArray[np.int64], weights: NDArray[np.float32]
) -> NDArray[np.float64]:
    """Return the metric under each row of `weights`, how often each test row was drawn.

    Parameters
    ----------
    metric : {'accuracy', 'macro_f1'}
    labels, predictions : ndarray of int, shape (n,)
        Class indices; one entry may stand for many test rows that look alike.
    weights : ndarray of float, shape (resamples, n)

    Returns
    -------
    ndarray of float, shape (resamples,)
        macro-F1 averages over the classes that occur among the labels or predictions of the resample, as scikit-learn
        does.
    """
    import numpy as np

    hit = (labels == predictions).astype(np.float32)
    if metric == "accuracy":
        share: NDArray[np.float64] = np.asarray(weights @ hit, np.float64) / weights.sum(axis=1, dtype=np.float64)
        return share
    # One pass over the weights for all classes: a sparse matrix has the one class of each row.
    from scipy.sparse import csr_array

    classes, indices = np.unique(np.concatenate([labels, predictions]), return_inverse=True)
    real, claimed = np.split(indices, 2)
    rows, shape = np.arange(len(labels)), (len(classes), len(labels))
    right = csr_array((hit, (real, rows)), shape=shape)
    ones = np.ones(len(labels), np.float32)
    either = csr_array((ones, (real, rows)), shape=shape) + csr_array((ones, (claimed, rows)), shape=shape)
    columns = np.ascontiguousarray(weights.T)
    true_positive, claimed_or_real = (np.asarray(part @ columns, np.float64) for part in (right, either))
    total = (2 * true_positive / np.maximum(claimed_or_real, 1e-9)).sum(axis=0)
    present = (claimed_or_real > 0).sum(axis=0)
    return np.asarray(total / present, dtype=np.float64)


def _alike(
    labels: NDArray[np.int64], predictions: list[list[NDArray[np.int64]]]
) -> tuple[NDArray[np.int64], NDArray[np.int64], list[list[NDArray[np.int64]]]]:
    """Put rows together that no score tells apart; return how many each kind has, and its label and predictions.

    How often each kind is drawn is a multinomial too, so that nothing is lost.
    """
    import numpy as np

    flat = [p for seeds in predictions for p in seeds]
    # One number a kind of row so far, column after column: much faster than comparing whole rows.
    kinds = labels
    for column in flat:
        kinds = np.unique(kinds * (int(column.max()) + 1) + column, return_inverse=True)[1]
    _, first, counts = np.unique(kinds, return_index=True, return_counts=True)
    kept = iter([column[first] for column in flat])
    return counts, labels[first], [[next(kept) for _ in seeds] for seeds in predictions]


def wilson(score: float, rows: int, z: float = 1.959964) -> tuple[float, float]:
    """Return the Wilson score interval of a share (Wilson 1927), two-sided 95 % by default.

    Examples
    --------
    >>> low, high = wilson(0.8, 100)
    >>> round(low, 3), round(high, 3)
    (0.711, 0.867)
    """
    centre = score + z * z / (2 * rows)
    half = z * math.sqrt(score * (1 - score) / rows + z * z / (4 * rows * rows))
    scale = 1 + z * z / rows
    # The interval holds the score itself; rounding must not push it out at 0 and 1.
    return max(0.0, min(score, (centre - half) / scale)), min(1.0, max(score, (centre + half) / scale))


def holm_levels(p_values: list[float], level: float = LEVEL) -> list[float]:
    """Return for each hypothesis the level at which Holm's step-down procedure (Holm 1979) tests it.

    Once a hypothesis is kept, all with larger p-values are tested at that same level and can no longer be rejected
    unless they pass it.

    Examples
    --------
    >>> [round(a, 4) for a in holm_levels([0.001, 0.04, 0.02])]
    [0.0167, 0.05, 0.025]
    """
    order = sorted(range(len(p_values)), key=lambda i: p_values[i])
    levels = [0.0] * len(p_values)
    stopped_at: float | None = None
    for rank, i in enumerate(order):
        here = level / (len(p_values) - rank)
        if stopped_at is None and p_values[i] > here:
            stopped_at = here
        levels[i] = here if stopped_at is None else stopped_at
    return levels


def bootstrap(
    metric: Metric, labels: NDArray[np.int64], predictions: list[list[NDArray[np.int64]]], seed: int, resamples: int
) -> NDArray[np.float64]:
    """Return each candidate's mean score over its seeds under the same resampled rows, shape (candidates, resamples).

    Seeds are not resampled with the rows: three runs drawn from three understate their spread by a third and know no
    tails. `Spread` adds their part.
    """
    import numpy as np

    rng = np.random.default_rng(seed)
    n = len(labels)
    counts, kind_labels, kinds = _alike(labels, predictions)
    resamples = min(resamples, max(LEAST_RESAMPLES, DRAWS // len(counts)))
    draws = np.empty((len(predictions), resamples))
    block = max(1, min(resamples, 20_000_000 // len(counts)))
    for start in range(0, resamples, block):
        count = min(block, resamples - start)
        weights = rng.multinomial(n, counts / n, size=count).astype(np.float32)
        for c, seeds in enumerate(kinds):
            by_seed = [resampled_scores(metric, kind_labels, p, weights) for p in seeds]
            draws[c, start : start + count] = np.mean(by_seed, axis=0)
    return draws
