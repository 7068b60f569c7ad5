"""How a loss or an error is continued beyond the sizes that were measured, and how sure that is."""

from __future__ import annotations

import math
from collections.abc import Iterable
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


def typical_error(
    typical: Prior,
    mechanism: Mechanism | None,
    sizes: Values,
    values: Values,
    test_rows: int,
    seeds: Values,
    targets: Values,
) -> tuple[Values, Values]:
    """Continue the error that an accuracy leaves as recorded curves went.

    Parameters
    ----------
    typical : Prior
        What recorded curves did.
    mechanism : str or None
    sizes, values : ndarray of float, shape (k,)
        Different train sizes, ascending, at least one, and the mean error at each, above 0.
    test_rows : int
    seeds : ndarray, shape (k,)
        How many seeds each error is the mean of.
    targets : ndarray of float, shape (m,)
        Larger train sizes.

    Returns
    -------
    centre, spread : ndarray, shape (m,)
        As of `extrapolate`. The spread is that of one measurement there.
    """
    import numpy as np

    logs, slope = np.log(values)[None], np.array([typical.slope(mechanism)])
    noise = typical.noise(logs, test_rows, seeds)
    centre, variance = continued(typical, slope, np.log2(sizes / sizes[0]), logs, noise, np.log2(targets / sizes[0]))
    spread = np.sqrt(variance + typical.noise(centre, test_rows, 1))[0]
    return np.minimum(centre[0], 0.0), spread


def expected_error(
    typical: Prior,
    mechanism: Mechanism | None,
    sizes: Values,
    values: Values,
    test_rows: int,
    seeds: Values,
    targets: Values,
) -> tuple[Values, Values]:
    """Continue the error that an accuracy leaves: see `typical_error`; from three sizes on families have half a say."""
    centre, spread = typical_error(typical, mechanism, sizes, values, test_rows, seeds, targets)
    if len(sizes) >= MANY_SIZES:
        centre = (centre + mean_of_families(sizes, values, targets)) / 2
    return centre, spread
