"""What recorded curves let us expect of a new one: how fast errors fall, and how fast that changes along a curve.

Over doublings of the training rows, the logarithm of an error is the integral of a slope. The slope wanders about the
typical one of its mechanism (an Ornstein–Uhlenbeck process), and each error is measured with the noise of its test rows
and its seeds. All of it is Gaussian, so that what the measured points tell of larger sizes is linear algebra: with one
point it is the typical slope, and the more points, the more it is the curve's own, which fades into the typical one
beyond them (Gaussian process regression: Rasmussen and Williams 2006, section 2.2).

How fast errors fall is the data set's as much as the mechanism's: slopes of several candidates on the same data wander
together, so that each one's points tell of the others (an intrinsic coregionalisation model: Goovaerts 1997, chapter
4; Bonilla, Chai and Williams 2007).

`python -m benchmarks.curves --calibrate` fits all but the test noise to the recorded curves.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, get_args

from pydantic import Field

from probes.base import Frozen

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from probes.curve_families import Values

Mechanism = Literal["bag_of_words", "frozen_features", "tuning"]
"""What learns from training rows; a prompt does not."""
MECHANISMS: tuple[Mechanism, ...] = get_args(Mechanism)

ANY_LEVEL = 25.0
"""Variance of the first error's logarithm before anything was measured: it may be anything."""


def mechanism_of(method: str) -> Mechanism | None:
    """Return the mechanism of a recipe's method; None of one that does not learn from training rows.

    Examples
    --------
    >>> mechanism_of("tuning"), mechanism_of("prompt")
    ('tuning', None)
    """
    return next((mechanism for mechanism in MECHANISMS if mechanism == method), None)


class Prior(Frozen):
    """What is typical of recorded curves."""

    slopes: dict[Mechanism, float]
    """Typical change of the error's logarithm for each doubling of the rows, nats, by mechanism."""
    spread: float
    """Standard deviation of slopes about the typical one, nats a doubling."""
    reach: float
    """Doublings after which a slope remembers 1/e of what it was."""
    test_noise: float
    """Noise of an accuracy in multiples of the standard error its test rows alone would give."""
    seed_noise: float
    """Standard deviation of the error's logarithm between seeds, nats."""
    shared: float = Field(ge=0, le=1)
    """Correlation of the slopes of two candidates on the same data set."""

    def slope(self, mechanism: Mechanism | None) -> float:
        """Return the typical slope of a mechanism; the mean of all where it is not known."""
        return self.slopes[mechanism] if mechanism else sum(self.slopes.values()) / len(self.slopes)

    def noise(self, logs: Values, test_rows: Values | float, seeds: Values | float) -> Values:
        """Return the variance of measured logarithms of errors.

        Parameters
        ----------
        logs : ndarray
            Logarithms of errors, below 0.
        test_rows, seeds : float or ndarray
            Rows behind each accuracy, and how many seeds it is the mean of.

        Returns
        -------
        ndarray
            Nats squared: (1 − e) / (e · rows) is the binomial variance of log e to first order.
        """
        import numpy as np

        error = np.exp(np.minimum(logs, -1e-3))
        chance = (1 - error) / (error * test_rows)
        return np.asarray((self.test_noise**2 * chance + self.seed_noise**2) / seeds, dtype=np.float64)


def continued(
    prior: Prior, slopes: Values, places: Values, whose: NDArray[np.int64], logs: Values, noise: Values, ahead: Values
) -> tuple[Values, Values]:
    """Continue curves beyond their measured points, by these and by those of other candidates on the same data.

    Parameters
    ----------
    prior : Prior
    slopes : ndarray, shape (curves, candidates)
        Typical slopes; the first candidate is the one continued.
    places : ndarray, shape (k,)
        Doublings of the measured sizes beyond the smallest, ascending for each candidate; the same for all curves.
    whose : ndarray of int, shape (k,)
        Which candidate was measured there; each was somewhere.
    logs : ndarray, shape (curves, k)
        Logarithms of the errors there.
    noise : ndarray, shape (curves, k)
        Their variances.
    ahead : ndarray, shape (m,)
        Doublings beyond the smallest size that are asked for.

    Returns
    -------
    centre : ndarray, shape (curves, m)
        Expected logarithm of the error.
    variance : ndarray, shape (curves, m)
        Of the error's expectation over seeds and test rows, not of one more measurement.

    Examples
    --------
    >>> import numpy as np
    >>> prior = Prior(slopes={"tuning": -0.1}, spread=0.1, reach=4, test_noise=0.5, seed_noise=0.02, shared=0.8)
    >>> logs, noise, ahead = np.log([[0.2]]), np.array([[0.001]]), np.array([1.0, 2.0])
    >>> centre, variance = continued(prior, np.array([[-0.1]]), np.array([0.0]), np.array([0]), logs, noise, ahead)
    >>> np.exp(centre).round(3), variance.round(3)
    (array([[0.181, 0.164]]), array([[0.01 , 0.035]]))

    Another candidate whose error halved twice makes it expected lower, and surer:

    >>> slopes, places, whose = np.array([[-0.1, -0.1]]), np.array([0.0, 0, 1, 2]), np.array([0, 1, 1, 1])
    >>> logs, noise = np.log([[0.2, 0.4, 0.2, 0.1]]), np.full((1, 4), 0.001)
    >>> centre, variance = continued(prior, slopes, places, whose, logs, noise, ahead)
    >>> np.exp(centre).round(3), variance.round(3)
    (array([[0.116, 0.067]]), array([[0.005, 0.014]]))
    """
    import numpy as np

    same = whose[:, None] == whose[None, :]
    known = _covariance(prior, places, places) * np.where(same, 1.0, prior.shared) + ANY_LEVEL * same
    own = (whose == 0)[:, None]
    between = _covariance(prior, places, ahead) * np.where(own, 1.0, prior.shared) + ANY_LEVEL * own
    known = known + noise[:, None, :] * np.eye(len(places))
    weights = np.linalg.solve(known, np.broadcast_to(between, (len(logs), *between.shape)))
    last = [int(np.flatnonzero(whose == each)[-1]) for each in range(slopes.shape[1])]
    level = logs[:, last] - slopes * places[last]
    rest = logs - level[:, whose] - slopes[:, whose] * places
    centre = level[:, :1] + slopes[:, :1] * ahead + np.einsum("ckm,ck->cm", weights, rest)
    before = np.diagonal(_covariance(prior, ahead, ahead)) + ANY_LEVEL
    variance = before - np.einsum("km,ckm->cm", between, weights)
    return centre, np.maximum(variance, 1e-9)


def _covariance(prior: Prior, a: Values, b: Values) -> Values:
    """Return the covariance of the integrals of an Ornstein–Uhlenbeck process from 0 to each place."""
    import numpy as np

    x, y, reach = a[:, None], b[None, :], prior.reach
    fading = 1 - np.exp(-x / reach) - np.exp(-y / reach) + np.exp(-abs(x - y) / reach)
    return np.asarray(prior.spread**2 * (2 * reach * np.minimum(x, y) - reach**2 * fading), dtype=np.float64)
