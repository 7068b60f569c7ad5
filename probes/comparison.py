"""Every candidate against the best of all, on the same test rows."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from probes.base import Frozen
from probes.measurement import Metric
from probes.paired import SEED_WEIGHT, Spread, spread_of
from probes.power import POWER, Gap
from probes.statistics import RESAMPLES, Interval, bootstrap, holm_levels, score, wilson

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Comparison(Frozen):
    """A candidate against the best of all candidates, on the same test rows."""

    score: Interval
    """The candidate's own score, two-sided 95 % interval."""
    seed_variance: float
    """Variance between its seeds, as measured or assumed; 0 where another seed gives the same result."""
    row_variance: float
    """Variance that its score on one test row would have: over n rows, an n-th of it."""
    delta: Interval
    """Score minus the best score: the mean on the rows as they are, and the two one-sided Holm-corrected bounds."""
    rival: int | None
    """Place of the rival whose comparison decides; None for a candidate alone."""
    gap: Gap | None
    """That comparison; None with `rival`."""
    p_not_worse: float
    """The largest p-value that a rival leads by the tolerance or more: the evidence against CONFIRMED."""
    p_worse: float
    """The smallest p-value that a rival leads by no more than the tolerance, times the number of rivals: the evidence
    against REFUTED."""
    confirmed: bool
    """Whether the lower bound of delta lies above minus the tolerance."""
    refuted: bool
    """Whether the upper bound of delta lies below minus the tolerance."""


def compare(
    metric: Metric,
    labels: NDArray[np.int64],
    predictions: list[list[NDArray[np.int64]]],
    tolerance: float,
    *,
    seeded: list[bool] | None = None,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> list[Comparison]:
    """Compare candidates on the same rows, each with every other, and so with the best.

    Parameters
    ----------
    metric : {'accuracy', 'macro_f1'}
    labels : ndarray of int, shape (n,)
    predictions : list (candidates) of lists (seeds) of ndarray of int, shape (n,)
    tolerance : float
        How much worse than the best is as good, on the scale of the score (0.01 is one point).
    seeded : list of bool, optional
        Whether another seed gives another result, for each candidate; those with several seeds where not given.
    seed : int
        Of the bootstrap.
    resamples : int
        Of the bootstrap that macro-F1 takes; fewer, but no less than 1,000, where there are very many different rows.

    Returns
    -------
    list of Comparison
        One a candidate, in their order.

    Notes
    -----
    A candidate is confirmed when the test of each rival's lead being the tolerance or more rejects: an intersection-
    union test (Berger 1982), which takes no correction for their number. It is refuted when the lead of one rival
    exceeds the tolerance, Bonferroni-corrected over the rivals, one of which will lead by luck. Both are corrected over
    the candidates by Holm. The tests are those of `probes.paired.Spread`.
    """
    import numpy as np

    scores = [np.array([score(metric, labels, p) for p in seeds]) for seeds in predictions]
    several = [len(seeds) > 1 for seeds in predictions]
    draws = None if metric == "accuracy" else bootstrap(metric, labels, predictions, seed, resamples)
    spread = spread_of(metric, labels, predictions, scores, seeded or several, draws)
    count, plain = len(predictions), spread.means
    behind, ahead = spread.tests(-tolerance)
    np.fill_diagonal(behind, 0.0)
    np.fill_diagonal(ahead, 1.0)
    rivals = max(1, count - 1)
    p_not_worse = [float(p) for p in behind.max(axis=1)]
    p_worse = [min(1.0, rivals * float(p)) for p in ahead.min(axis=1)]
    levels_low, levels_high = holm_levels(p_not_worse), holm_levels(p_worse)
    lows, highs = spread.bounds(np.array(levels_low), np.array(levels_high) / rivals)
    np.fill_diagonal(lows, 0.0)  # the best of all leads no other than itself
    np.fill_diagonal(highs, 0.0)
    result = []
    for c in range(count):
        low, high = _interval(spread, c, draws)
        mean = float(plain[c])
        rival, gap = _gap(spread, c, tolerance, behind[c], ahead[c], levels_low[c], levels_high[c])
        result.append(
            Comparison(
                score=Interval(mean=mean, low=low, high=high),
                seed_variance=float(spread.seeds[c]),
                row_variance=mean * (1 - mean) if draws is None else spread.rows * float(draws[c].var()),
                delta=Interval(mean=mean - float(plain.max()), low=float(lows[c].min()), high=float(highs[c].min())),
                rival=rival,
                gap=gap,
                p_not_worse=p_not_worse[c],
                p_worse=p_worse[c],
                confirmed=p_not_worse[c] <= levels_low[c],
                refuted=p_worse[c] <= levels_high[c],
            )
        )
    return result


def _interval(spread: Spread, c: int, draws: NDArray[np.float64] | None) -> tuple[float, float]:
    """Return the two-sided 95 % interval of a score: Wilson's or the bootstrap's, widened by the spread of its seeds.

    The two parts are put together as squares of their half-widths (MOVER, Zou and Donner 2008). Of one seed the spread
    is that which `probes.paired.EARLY_SPREAD` assumes; where another seed gives the same result there is none.
    """
    import numpy as np
    from scipy.special import stdtrit

    mean = float(spread.means[c])
    low, high = (
        wilson(mean, spread.rows) if draws is None else (float(q) for q in np.quantile(draws[c], [0.025, 0.975]))
    )
    if not spread.seeds[c]:
        return low, high
    seeds = float(stdtrit(SEED_WEIGHT + int(spread.runs[c]) - 1, 0.975)) ** 2 * float(spread.seed_variances[c])
    below, above = max(0.0, mean - low), max(0.0, high - mean)
    return max(0.0, mean - math.sqrt(below**2 + seeds)), min(1.0, mean + math.sqrt(above**2 + seeds))


def _gap(
    spread: Spread,
    c: int,
    tolerance: float,
    behind: NDArray[np.float64],
    ahead: NDArray[np.float64],
    level_low: float,
    level_high: float,
) -> tuple[int, Gap] | tuple[None, None]:
    """Return the rival and the comparison that decide about a candidate: hardest to confirm, or likeliest to refute."""
    rivals = len(spread.means) - 1
    if rivals == 0:
        return None, None
    distances = spread.means[c] - spread.means + tolerance
    within = bool(distances.min() >= 0)
    rival = int(behind.argmax() if within else ahead.argmin())
    per_row = [float(spread.row_variances(margin)[c, rival]) for margin in (-tolerance, distances[rival] - tolerance)]
    return rival, Gap(
        distance=float(distances[rival]),
        level=level_low if within else level_high / rivals,
        power=1 - (1 - POWER) / rivals if within else POWER,
        rows=spread.rows,
        row_variance=spread.rows * max(per_row),
        seed_variances=(float(spread.seeds[c]), float(spread.seeds[rival])),
        seeds=(int(spread.runs[c]), int(spread.runs[rival])),
    )
