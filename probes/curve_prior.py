"""What recorded curves let us expect of a new one: how fast errors fall, and how fast that changes along a curve.

Over doublings of the training rows, the logarithm of an error is the integral of a slope. The slope wanders about the
typical one of its mechanism (an Ornstein–Uhlenbeck process), and each error is measured with the noise of its test rows
and its seeds. All of it is Gaussian, so that what the measured points tell of larger sizes is linear algebra: with one
point it is the typical slope, and the more points, the more it is the curve's own, which fades into the typical one
beyond them (Gaussian process regression: Rasmussen and Williams 2006, section 2.2).

`python -m benchmarks.curves --calibrate` fits the five kinds of numbers to the recorded curves.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, get_args

from probes.base import Frozen

if TYPE_CHECKING:
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
    prior: Prior, slope: Values, places: Values, logs: Values, noise: Values, ahead: Values
) -> tuple[Values, Values]:
    """Continue curves beyond their measured points.

    Parameters
    ----------
    prior : Prior
    slope : ndarray, shape (curves,)
        The typical slope of each curve.
    places : ndarray, shape (k,)
        Doublings of the measured sizes beyond the first of them, ascending from 0; the same for all curves.
    logs : ndarray, shape (curves, k)
        Logarithms of the errors there.
    noise : ndarray, shape (curves, k)
        Their variances.
    ahead : ndarray, shape (m,)
        Doublings beyond the first size that are asked for.

    Returns
    -------
    centre : ndarray, shape (curves, m)
        Expected logarithm of the error.
    variance : ndarray, shape (curves, m)
        Of the error's expectation over seeds and test rows, not of one more measurement.

    Examples
    --------
    >>> import numpy as np
    >>> prior = Prior(slopes={"tuning": -0.1}, spread=0.1, reach=4, test_noise=0.5, seed_noise=0.02)
    >>> one, noise, ahead = np.log([[0.2]]), np.array([[0.001]]), np.array([1.0, 2.0])
    >>> centre, variance = continued(prior, np.array([-0.1]), np.array([0.0]), one, noise, ahead)
    >>> np.exp(centre).round(3), variance.round(3)
    (array([[0.181, 0.164]]), array([[0.01 , 0.035]]))
    """
    import numpy as np

    k = len(places)
    known = _covariance(prior, places, places) + noise[:, None, :] * np.eye(k) + ANY_LEVEL
    between = _covariance(prior, places, ahead) + ANY_LEVEL
    weights = np.linalg.solve(known, np.broadcast_to(between, (len(logs), *between.shape)))
    rest = logs - logs[:, -1:] - slope[:, None] * places
    centre = logs[:, -1:] + slope[:, None] * ahead + np.einsum("ckm,ck->cm", weights, rest)
    before = np.diagonal(_covariance(prior, ahead, ahead)) + ANY_LEVEL
    variance = before - np.einsum("km,ckm->cm", between, weights)
    return centre, np.maximum(variance, 1e-9)


def _covariance(prior: Prior, a: Values, b: Values) -> Values:
    """Return the covariance of the integrals of an Ornstein–Uhlenbeck process from 0 to each place."""
    import numpy as np

    x, y, reach = a[:, None], b[None, :], prior.reach
    fading = 1 - np.exp(-x / reach) - np.exp(-y / reach) + np.exp(-abs(x - y) / reach)
    return np.asarray(prior.spread**2 * (2 * reach * np.minimum(x, y) - reach**2 * fading), dtype=np.float64)
