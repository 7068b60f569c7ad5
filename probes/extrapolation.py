"""How a loss or an error is continued beyond the sizes that were measured, and how sure that is."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from statistics import NormalDist
from typing import TYPE_CHECKING, Literal

from probes.curve_families import FAMILIES
from probes.curve_prior import Mechanism, Prior, continued

if TYPE_CHECKING:
    from probes.curve_families import Values

Kind = Literal["accuracy", "loss"]

MANY_SIZES = 3
"""Different train sizes from which the power laws are continued; two show a slope and not whether it holds."""

BLEND = ("last two", "last three")
"""The families whose mean predicts.

Curves still change their slope: the last points tell best where they go. Choosing by backtests on the curve's own last
points gained nothing; docs/design.md says on which curves this was looked at.
"""

FLOOR = 0.01
"""Uncertainty for each doubling that a loss has in any case, as a share of it: families may agree."""


def extrapolate(sizes: Values, values: Values, targets: Values) -> tuple[Values, Values]:
    """Continue a loss beyond its largest size.

    Parameters
    ----------
    sizes : ndarray of float, shape (k,)
        Different train sizes, ascending, at least three.
    values : ndarray of float, shape (k,)
        Loss at each, above 0.
    targets : ndarray of float, shape (m,)
        Larger train sizes.

    Returns
    -------
    centre : ndarray, shape (m,)
        Logarithm of the prediction.
    spread : ndarray, shape (m,)
        Its uncertainty before calibration: the root of the mean squared distance of all families from it, and `FLOOR`
        for each doubling.
    """
    import numpy as np

    logs = families(FAMILIES, sizes, values, targets)
    centre = np.mean([logs[name] for name in BLEND], axis=0)
    distance = np.sqrt(np.mean([(at - centre) ** 2 for at in logs.values()], axis=0))
    return centre, distance + FLOOR * np.log2(targets / sizes[-1])


def families(
    names: Iterable[str], sizes: Values, values: Values, targets: Values, most: float = math.inf
) -> dict[str, Values]:
    """Return the logarithm of what each of these families says; none exceeds `most` or ends below nothing."""
    import numpy as np

    return {name: np.log(np.clip(FAMILIES[name](sizes, values, targets), 0.01 * values[-1], most)) for name in names}


def mean_of_families(sizes: Values, values: Values, targets: Values) -> Values:
    """Return the logarithm of the error at the targets by the mean of power laws, from three sizes or more."""
    import numpy as np

    logs = families(BLEND, sizes, values, targets, most=1.0)
    return np.asarray(np.mean(list(logs.values()), axis=0), dtype=np.float64)


def leverage(sizes: Values, targets: Values) -> Values:
    """Return how much of each point's variance the mean of power laws has at the targets, shape (k, m).

    A straight line carries the noise of its points on, all the more the farther it is continued. The squares of its
    weights: the mean's logarithm is linear in those of the errors.

    Examples
    --------
    >>> import numpy as np
    >>> leverage(np.array([64.0, 128.0, 256.0]), np.array([512.0, 2048.0])).sum(axis=0).round(1)
    array([ 3. , 12.5])
    """
    import numpy as np

    points = np.exp(np.eye(len(sizes)))
    weights = [[np.log(FAMILIES[name](sizes, point, targets)) for point in points] for name in BLEND]
    return np.asarray(np.mean(weights, axis=0) ** 2, dtype=np.float64)


@dataclass(frozen=True, eq=False)
class Known:
    """What is known of one candidate's accuracies."""

    mechanism: Mechanism | None
    """What learned."""
    sizes: Values
    """Different train sizes, ascending, at least one; shape (k,)."""
    errors: Values
    """Mean error at each, above 0; shape (k,)."""
    test_rows: int
    """Test rows behind each."""
    seeds: Values
    """How many seeds each error is the mean of; shape (k,)."""


RECORDED_ROWS = 400
"""Test rows that the accuracies of recorded curves have at least: the noise of so many is part of what they teach."""


@dataclass(frozen=True, eq=False)
class Continued:
    """Errors that accuracies leave at larger sizes; each of shape (m,)."""

    centre: Values
    """Logarithm of the expected error."""
    spread: Values
    """Standard deviation of one measurement there, before calibration: with `RECORDED_ROWS` test rows at least."""
    noise: Values
    """Standard deviation that fewer test rows add to that."""


def half_width(width: float, spread: float, noise: float, level: float) -> float:
    """Return half an interval's width in logarithms.

    Recorded curves tell in which multiples of their spread they miss, with hundreds of test rows and more. What fewer
    rows add is binomial, and a quantile of the normal distribution tells how far it reaches.

    Parameters
    ----------
    width : float
        Calibrated multiple of the spread.
    spread, noise : float
    level : float
        Share of intervals that hold.

    Examples
    --------
    >>> round(half_width(1.5, 0.2, 0.0, 0.8), 3), round(half_width(1.5, 0.0, 0.1, 0.8), 3)
    (0.3, 0.128)
    """
    return math.hypot(width * spread, normal_reach(level) * noise)


def normal_reach(level: float) -> float:
    """Return the multiple of its standard deviation within which so much of a normal distribution lies."""
    return NormalDist().inv_cdf((1 + level) / 2)


def typical_error(typical: Prior, own: Known, targets: Values, fellows: Sequence[Known] = ()) -> Continued:
    """Continue the error that an accuracy leaves as recorded curves went, and those of others on the same data go.

    Parameters
    ----------
    typical : Prior
        What recorded curves did.
    own : Known
    targets : ndarray of float, shape (m,)
        Larger train sizes.
    fellows : sequence of Known
        Other candidates on the same data set.

    Returns
    -------
    Continued
        What one measurement there is expected to show.
    """
    centre, variance = _measured(typical, (own, *fellows), targets)
    _, calibrated = _measured(typical, [with_recorded_rows(each) for each in (own, *fellows)], targets)
    return parted(centre, variance, calibrated)


def with_recorded_rows(known: Known) -> Known:
    """Return what is known as if it had been measured on as many test rows as recorded curves at least."""
    return replace(known, test_rows=max(known.test_rows, RECORDED_ROWS))


def parted(centre: Values, variance: Values, calibrated: Values) -> Continued:
    """Part the variance of a measurement into that with as many test rows as recorded curves have, and the rest."""
    import numpy as np

    return Continued(np.minimum(centre, 0.0), np.sqrt(calibrated), np.sqrt(np.maximum(variance - calibrated, 0.0)))


def _measured(typical: Prior, every: Sequence[Known], targets: Values) -> tuple[Values, Values]:
    """Continue the first of some candidates, and return the variance of one measurement there."""
    import numpy as np

    noise = np.concatenate([_noise(typical, each) for each in every])
    centre, variance = _continued(typical, every, noise, targets)
    return centre, variance + typical.noise(centre, every[0].test_rows, 1)


def left_open(typical: Prior, own: Known, targets: Values, fellows: Sequence[Known]) -> Values:
    """Return the share of a gain's variance that the curves of other candidates leave.

    Parameters
    ----------
    typical, own, targets, fellows
        As of `typical_error`; of the own curve the largest size alone counts.

    Returns
    -------
    ndarray, shape (m,)
        Between 0 and 1: how uncertain the change of the error's logarithm from the largest size on is with the others'
        curves, in multiples of what it is without. It is 1 where they tell nothing: no slope, or in test rows too few.
    """
    import numpy as np

    exact = Known(own.mechanism, own.sizes[-1:], own.errors[-1:], own.test_rows, own.seeds[-1:])
    _, before = _continued(typical, [exact], np.zeros(1), targets)
    noise = np.concatenate([np.zeros(1), *(_noise(typical, fellow) for fellow in fellows)])
    _, after = _continued(typical, [exact, *fellows], noise, targets)
    return np.asarray(np.minimum(after / before, 1.0), dtype=np.float64)


def _noise(typical: Prior, known: Known) -> Values:
    import numpy as np

    return typical.noise(np.log(known.errors), known.test_rows, known.seeds)


def _continued(typical: Prior, every: Sequence[Known], noise: Values, targets: Values) -> tuple[Values, Values]:
    """Continue the first of some candidates; see `probes.curve_prior.continued`, for one curve."""
    import numpy as np

    whose = np.repeat(np.arange(len(every)), [len(each.sizes) for each in every])
    sizes, errors = (np.concatenate([getattr(each, name) for each in every]) for name in ("sizes", "errors"))
    slopes = np.array([[typical.slope(each.mechanism) for each in every]])
    places, ahead = np.log2(sizes / sizes.min()), np.log2(targets / sizes.min())
    centre, variance = continued(typical, slopes, places, whose, np.log(errors)[None], noise[None], ahead)
    return centre[0], variance[0]


def expected_error(typical: Prior, own: Known, targets: Values, fellows: Sequence[Known] = ()) -> Continued:
    """Continue the error that an accuracy leaves: see `typical_error`; from three sizes on families have half a say."""
    found = typical_error(typical, own, targets, fellows)
    if len(own.sizes) < MANY_SIZES:
        return found
    laws = mean_of_families(own.sizes, own.errors, targets)
    return with_families(found, laws, *noises_of_families(typical, own, leverage(own.sizes, targets)))


def noises_of_families(typical: Prior, own: Known, levers: Values) -> tuple[Values, Values]:
    """Return the variance that noise gives the mean of power laws, with its test rows and as `with_recorded_rows`."""
    return _noise(typical, own) @ levers, _noise(typical, with_recorded_rows(own)) @ levers


def with_families(found: Continued, laws: Values, variance: Values, calibrated: Values) -> Continued:
    """Give the mean of families half a say in an error, and in its uncertainty what noise does to straight lines.

    Parameters
    ----------
    found : Continued
    laws : ndarray
        What power laws say: see `mean_of_families`.
    variance, calibrated : ndarray
        What noise gives them, with the test rows at hand and with as many as recorded curves have.

    Returns
    -------
    Continued
    """
    import numpy as np

    rest = np.maximum(variance - calibrated, 0.0)
    return Continued(
        (found.centre + laws) / 2,
        np.sqrt(found.spread**2 + calibrated / 4),
        np.sqrt(found.noise**2 + rest / 4),
    )
