"""What validation rows let us expect of a candidate at all rows, what another step may teach, and who lies behind.

Only validation rows steer: test rows are scored once a measurement, and verdicts alone look at them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

from probes.measurement import Metric
from probes.paired import EARLY_SPREAD, SEED_SPREAD, variance_of_mean
from probes.statistics import bootstrap, score

LEARNS = 0.2
"""Nats that the logarithm of the error falls for each tripling of the training rows.

Our line, above what recorded accuracy curves show from 128 rows on (`python -m benchmarks.curves`): .15 in the median
for TF-IDF and .08 for a linear probe on MiniLM over eight times the rows, on eleven data sets. For LoRA it is .14 over
twice the rows on eleven, .32 over eight times on five; `benchmarks.banking77_all` shows .4, from 1,000 rows to all.
"""

SPREADS = 0.25
"""Nats for each tripling by which such an extrapolation is off: .19 to .30, standard deviation on the same curves."""

TUNED = 0.16
"""Nats by which the error of a tuned model lies below that of its frozen features on as many rows: mean over recorded
curves of LoRA and full fine-tuning (`python -m benchmarks.curves`). All are of MiniLM, a sentence encoder; of a model
whose frozen features are poor for its kind, tuning may gain more."""

TUNES = 0.26
"""Standard deviation of that over data sets and sizes."""

UNSEARCHED = 0.01
"""Standard deviation of what a search of its learning rate still does for a score: what counts as clearly better at
the edge of a search (`probes.measurement.EDGE`)."""

LEVEL = 0.05
"""Chance, at each look, of dropping a candidate that is not behind: one-sided, shared out over its rivals."""

RESAMPLES = 4_000
"""Resamples of a paired comparison: with 20 candidates its level is ten of them."""


@dataclass(frozen=True)
class Belief:
    """What a candidate's score at all rows is expected to be."""

    mean: float
    """Expected score, between 0 and 1."""
    spread: float
    """Standard deviation of what more rows and more seeds would still teach."""
    noise: float
    """Standard deviation that the number of validation rows leaves; no further measurement lowers it."""

    def bound(self, z: float) -> float:
        """Return the score `z` standard deviations above the mean."""
        return self.mean + z * math.hypot(self.spread, self.noise)


def expected(score: float, rows: int, full: int, seeds: int, validation_rows: int, *, seeded: bool) -> Belief:
    """Return what a score on validation rows tells of the score at all training rows.

    The error is taken to fall by a power law (`LEARNS`), and to be off by `SPREADS` for each tripling.

    Parameters
    ----------
    score : float
        Mean over seeds, between 0 and 1, measured at `rows` training rows.
    rows, full : int
        Training rows it learned from, and all of them.
    seeds : int
        How many were measured.
    validation_rows : int
    seeded : bool
        Whether the result depends on chance.

    Examples
    --------
    >>> round(expected(0.7, 1_000, 9_000, 1, 500, seeded=True).mean, 3)
    0.799
    >>> expected(0.7, 9_000, 9_000, 1, 500, seeded=False).spread
    0.0
    """
    triplings = math.log(full / rows, 3)
    # A score of 1 on so many rows does not mean no error.
    error = max(1 - score, 1 / (2 * validation_rows))
    mean = 1 - error * math.exp(-LEARNS * triplings)
    return Belief(
        mean=mean,
        spread=spread(error, rows, full, seeds, seeded=seeded),
        noise=math.sqrt(error * (1 - error) / validation_rows),
    )


def of_tuned(frozen: Belief) -> Belief:
    """Return what to expect of tuning a model by what is expected of its frozen features.

    Examples
    --------
    >>> found = of_tuned(Belief(mean=0.86, spread=0.0, noise=0.03))
    >>> round(found.mean, 3), round(found.spread, 3)
    (0.881, 0.031)
    """
    error = (1 - frozen.mean) * math.exp(-TUNED)
    return Belief(mean=1 - error, spread=math.hypot(frozen.spread, TUNES * error), noise=frozen.noise)


def spread(error: float, rows: int, full: int, seeds: int, *, seeded: bool) -> float:
    """Return the standard deviation of an expectation from so many rows and seeds; see `expected`.

    Seeds count as in verdicts: fewer than three tell less than their number says.

    Examples
    --------
    >>> [round(spread(0.2, 9_000, 9_000, seeds, seeded=True), 4) for seeds in (1, 3)]
    [0.024, 0.0081]
    """
    chance = variance_of_mean(SEED_SPREAD**2 * error * (1 - error), seeds) if seeded else 0.0
    return math.sqrt((error * SPREADS * math.log(full / rows, 3)) ** 2 + chance)


def gain(lead: float, before: float, after: float) -> float:
    """Return the knowledge gradient: what a measurement is expected to add to the score of the best candidate.

    Parameters
    ----------
    lead : float
        Distance between the candidate's expected score and the best other one's.
    before, after : float
        Standard deviation of what it may still teach, before the measurement and after it.

    Returns
    -------
    float
        s · f(−abs(lead) / s) with s² = before² − after² and f(z) = z · Φ(z) + φ(z) (Frazier, Powell and Dayanik 2008).

    Examples
    --------
    >>> round(gain(0.0, 0.03, 0.0), 4), round(gain(0.06, 0.03, 0.0), 4), gain(0.0, 0.01, 0.01)
    (0.012, 0.0003, 0.0)
    """
    s = math.sqrt(max(0.0, before**2 - after**2))
    if s == 0.0:
        return 0.0
    z, normal = -abs(lead) / s, NormalDist()
    return s * (z * normal.cdf(z) + normal.pdf(z))


def surely_behind(
    metric: Metric,
    labels: Sequence[int],
    own: Sequence[int],
    other: Sequence[int],
    tolerance: float,
    rivals: int,
    *,
    seeded: int = 0,
) -> float | None:
    """Return by how much a candidate lies behind another on the same validation rows, None where it may not.

    A paired bootstrap over rows, one-sided at `LEVEL` shared out over the rivals: behind is who reaches the other's
    score less the tolerance in fewer resamples than that.

    Parameters
    ----------
    metric : {'accuracy', 'macro_f1'}
    labels, own, other : sequence of int, length n
        True and predicted classes.
    tolerance : float
        How much worse is as good, on the scale of the score.
    rivals : int
        Other candidates there are.
    seeded : int
        How many of the two another seed would give another score; each adds the spread that verdicts assume of one
        seed.

    Examples
    --------
    >>> labels = [0] * 100
    >>> surely_behind("accuracy", labels, [1] * 30 + [0] * 70, labels, 0.01, rivals=5)
    0.3
    >>> surely_behind("accuracy", labels, [1] * 3 + [0] * 97, labels, 0.01, rivals=5) is None
    True
    """
    import numpy as np

    truth, mine, theirs = (np.array(one, dtype=np.int64) for one in (labels, own, other))
    if metric == "accuracy":  # right or wrong is all it asks: few kinds of rows, which are fast to draw
        truth, mine, theirs = np.zeros_like(truth), (mine != truth).astype(np.int64), (theirs != truth).astype(np.int64)
    drawn = bootstrap(metric, truth, [[mine], [theirs]], seed=0, resamples=RESAMPLES)
    reach, best = score(metric, truth, mine), score(metric, truth, theirs)
    error = 1 - (reach + best) / 2
    chance = EARLY_SPREAD * math.sqrt(seeded * error * (1 - error))
    lead = drawn[0] - drawn[1] + np.random.default_rng(1).normal(0.0, chance, drawn.shape[1])
    reached = int((lead >= -tolerance).sum())
    if (1 + reached) / (1 + len(lead)) > LEVEL / max(1, rivals):
        return None
    return round(best - reach, 4)
