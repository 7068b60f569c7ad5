"""Whether one score lies above another by a margin: paired over test rows, with what seeds leave to chance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from probes.measurement import Metric

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SEED_SPREAD = 0.035
"""Standard deviation assumed between seeds before any two were seen, in units of √(p·(1 − p)) at the score p: 1.4
points of accuracy at .8, 1.05 at .9. An assumption of ours, meant to be cautious for runs that converged."""

SEED_WEIGHT = 3
"""Degrees of freedom that assumption is worth: with five seeds the runs themselves count for more."""

FIRST_SEEDS = 3
"""Seeds that show how far seeds lie apart: fewer say next to nothing of it."""

EARLY_SPREAD = 0.06
"""`SEED_SPREAD` as verdicts and intervals assume it of fewer seeds than `FIRST_SEEDS`. An assumption of ours: the
promise of 5 % then holds where seeds truly lie up to .025 apart at a score of .85 (`benchmarks.verdict_errors`);
`benchmarks.seed_spread` measures how far apart they lie."""

EARLY = (EARLY_SPREAD / SEED_SPREAD) ** 2
"""What the variance between so few seeds is multiplied by, whether it was assumed or two of them showed it."""


@dataclass(frozen=True)
class Spread:
    """What the differences between candidates leave to chance; K candidates, n test rows."""

    rows: int
    means: NDArray[np.float64]
    """Scores, shape (K,), means over seeds."""
    hits: NDArray[np.float64]
    """Accuracies, shape (K,), means over seeds: the scores themselves where the metric is accuracy."""
    squares: NDArray[np.float64]
    """Mean over the rows of the squared difference in being right, shape (K, K); of two single runs it is the share of
    rows on which exactly one is right."""
    extra: NDArray[np.float64] | None
    """Variance of the difference by a bootstrap over rows, shape (K, K); None for accuracy, which has a formula."""
    weight: float
    """Mean square of what one row moves the score by, in units of 1/n; 1 for accuracy."""
    seeds: NDArray[np.float64]
    """Variance between the seeds of each candidate, shape (K,); 0 where another seed gives the same result."""
    runs: NDArray[np.int64]
    """Seeds of each candidate, shape (K,)."""

    @property
    def seed_variances(self) -> NDArray[np.float64]:
        """Variance of each mean over seeds, shape (K,); see `variance_of_mean`."""
        import numpy as np

        return np.array([variance_of_mean(*one) for one in zip(self.seeds, self.runs, strict=True)])

    def row_variances(self, margin: NDArray[np.float64] | float) -> NDArray[np.float64]:
        """Return the variance, over test rows, of every difference if the true one were `margin`, shape (K, K).

        Notes
        -----
        For accuracy that of Tango's score test (Tango 1998), whose nuisance parameter is estimated under the margin, so
        that two candidates which differ on no row yet do not count as equal; at a margin of 0 it is McNemar's. Means
        over seeds enter by their first two moments. For other metrics the bootstrap's, raised by what Tango's adds to
        the plain variance.
        """
        import numpy as np

        n, difference = self.rows, self.hits[:, None] - self.hits[None, :]
        squares = np.maximum(self.squares, np.abs(difference))
        lost = n * (squares - difference) / 2
        b = 2 * n * margin - n * squares - n * difference * margin
        c = -lost * margin * (1 - margin)
        root = np.sqrt(np.maximum(b * b - 8 * n * c, 0))
        score = np.maximum((root - b) / (2 * n) + margin * (1 - margin), 1e-12) / n
        if self.extra is None:
            return np.asarray(score)
        plain = (squares - difference**2) / n
        return np.asarray(self.extra + self.weight * np.maximum(score - plain, 0))

    def tests(self, margin: NDArray[np.float64] | float) -> NDArray[np.float64]:
        """Return p-values that row minus column is at most `margin`, and that it is at least that, shape (2, K, K).

        Notes
        -----
        Student's t with the degrees of freedom of Satterthwaite (1946): the seeds' part of the variance is estimated
        from few, and taken to be wider where there are fewer than `FIRST_SEEDS`. Half a row is taken off the difference
        (continuity), without which Tango's test errs too often where few rows disagree.
        """
        import numpy as np
        from scipy.special import stdtr

        seeds = self.seed_variances
        variance = self.row_variances(margin) + seeds[:, None] + seeds[None, :]
        of_seeds = seeds**2 / (SEED_WEIGHT + self.runs - 1)
        freedom = np.minimum(variance**2 / np.maximum(of_seeds[:, None] + of_seeds[None, :], 1e-30), 1e9)
        distance = (self.means[:, None] - self.means[None, :] - margin) * np.array([1, -1])[:, None, None]
        return np.asarray(stdtr(freedom, (0.5 / self.rows - distance) / np.sqrt(variance)))

    def bounds(self, low: NDArray[np.float64], high: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return lower and upper bounds of every difference at one-sided levels for each candidate, shape (2, K, K).

        They are the margins at which the tests of `tests` just fail, found by halving.
        """
        import numpy as np

        difference = self.means[:, None] - self.means[None, :]
        inner = np.stack([difference, difference])
        outer = np.stack([np.full_like(difference, -1.0), np.full_like(difference, 1.0)])
        levels = np.stack([low, high])[:, :, None]
        for _ in range(27):
            middle = (inner + outer) / 2
            rejected = self.tests(middle) <= levels
            inner, outer = np.where(rejected, inner, middle), np.where(rejected, middle, outer)
        return np.asarray((inner + outer) / 2)


def variance_of_mean(variance: float, seeds: int) -> float:
    """Return the variance of a mean over seeds, taken to be wider where there are fewer than `FIRST_SEEDS`.

    Examples
    --------
    >>> [round(variance_of_mean(0.01**2, seeds) ** 0.5, 4) for seeds in (1, 2, 3)]
    [0.0171, 0.0121, 0.0058]
    """
    return variance / seeds * (EARLY if seeds < FIRST_SEEDS else 1.0)


def seed_variance(scores: NDArray[np.float64], rows: int) -> float:
    """Return the variance between the seeds of one candidate: measured, or drawn up to what `SEED_SPREAD` assumes.

    Parameters
    ----------
    scores : ndarray of float, shape (seeds,)
    rows : int
        Test rows; keeps a score of 1 from promising that no seed will ever err.

    Examples
    --------
    >>> import numpy as np
    >>> [round(seed_variance(np.array(scores), 10_000) ** 0.5, 4) for scores in ([0.8], [0.7, 0.8, 0.9])]
    [0.014, 0.1]
    """
    import numpy as np

    mean = (float(np.mean(scores)) * rows + 1) / (rows + 2)
    assumed = SEED_SPREAD**2 * mean * (1 - mean)
    seen = float(np.sum((scores - np.mean(scores)) ** 2))
    drawn = (SEED_WEIGHT * assumed + seen) / (SEED_WEIGHT + len(scores) - 1)
    # Never below what was seen: the assumption may calm no spread that is wider.
    return max(drawn, seen / max(1, len(scores) - 1))


def spread_of(
    metric: Metric,
    labels: NDArray[np.int64],
    predictions: list[list[NDArray[np.int64]]],
    scores: list[NDArray[np.float64]],
    seeded: list[bool],
    draws: NDArray[np.float64] | None,
) -> Spread:
    """Gather what `Spread` needs.

    Parameters
    ----------
    metric : {'accuracy', 'macro_f1'}
    labels : ndarray of int, shape (n,)
    predictions : list (candidates) of lists (seeds) of ndarray of int, shape (n,)
    scores : list (candidates) of ndarray of float, shape (seeds,)
    seeded : list of bool
        Whether another seed gives another result.
    draws : ndarray of float, shape (candidates, resamples), or None
        Scores under resampled rows; None for accuracy.
    """
    import numpy as np

    n = len(labels)
    right = np.stack([np.mean([p == labels for p in seeds], axis=0) for seeds in predictions])
    gram = right @ right.T / n
    own = np.diag(gram)
    extra, weight = None, 1.0
    if metric != "accuracy" and draws is not None:
        cov = np.atleast_2d(np.cov(draws))
        extra = np.maximum(np.diag(cov)[:, None] + np.diag(cov)[None, :] - 2 * cov, 0)
        # One row of a class with a share s of the rows moves its recall by 1/(n·s), and the mean over classes by that
        # over their number.
        shares = np.unique(labels, return_counts=True)[1] / n
        weight = float((1 / shares).sum() / len(shares) ** 2)
    return Spread(
        rows=n,
        means=np.array([s.mean() for s in scores]),
        hits=right.mean(axis=1),
        squares=np.maximum(own[:, None] + own[None, :] - 2 * gram, 0),
        extra=extra,
        weight=weight,
        seeds=np.array([seed_variance(s, n) if by else 0.0 for s, by in zip(scores, seeded, strict=True)]),
        runs=np.array([len(s) for s in scores]),
    )
