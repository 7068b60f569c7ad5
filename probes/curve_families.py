"""Families of learning curves: what a loss or an error does as training rows grow, continued beyond the last size.

Each is fitted by least squares of the relative error. The shape of a curve (its exponent, its offset in rows) is
looked for on a grid, and what is linear in it (scale and asymptote) is solved: no start values, no iterations, the same
numbers everywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Values = NDArray[np.float64]
    Family = Callable[[Values, Values, Values], Values]
    """From sizes, values and target sizes to the values there."""


def power_law(points: int | None) -> Family:
    """Return a·n^−c through the last so many points, all of them for None: a straight line in two logarithms.

    Examples
    --------
    >>> import numpy as np
    >>> power_law(3)(np.array([10.0, 20.0, 40.0]), np.array([0.8, 0.4, 0.2]), np.array([80.0])).round(3)
    array([0.1])
    """

    def fit(sizes: Values, values: Values, targets: Values) -> Values:
        import numpy as np

        start = 0 if points is None else -points
        return np.exp(line(np.log(sizes[start:]), np.log(values[start:]), np.log(targets)))

    return fit


def pow3(sizes: Values, values: Values, targets: Values) -> Values:
    """Return e + a·n^−c: a power law that ends at e."""
    return separable(lambda n, c, b: n**-c, grid(offsets=False), sizes, values, targets)  # noqa: ARG005


def pow4(sizes: Values, values: Values, targets: Values) -> Values:
    """Return e + a·(n + b)^−c: as pow3, after a slow start."""
    return separable(lambda n, c, b: ((n + b) / (1 + b)) ** -c, grid(), sizes, values, targets)


FAMILIES: Mapping[str, Family] = MappingProxyType(
    {
        "last two": power_law(2),
        "last three": power_law(3),
        "power law": power_law(None),
        "pow3": pow3,
        "pow4": pow4,
    }
)
"""The families that are continued, by name: all are power laws, through different points or with another end or start.

Log-linear curves, MMF and the last value are rivals of the benchmark (`python -m benchmarks.curves`)."""


def line(x: Values, y: Values, targets: Values) -> Values:
    """Return the least-squares line at the targets."""
    import numpy as np

    dx = x - x.mean()
    slope = (dx @ y) / (dx @ dx)
    return np.asarray(y.mean() + slope * (targets - x.mean()), dtype=np.float64)


def grid(*, offsets: bool = True) -> tuple[Values, Values]:
    """Return exponents and offsets to try, each of shape (places, 1); offsets are in multiples of the smallest size."""
    import numpy as np

    exponents = np.linspace(0.01, 1.5, 150)
    if not offsets:
        return exponents[:, None], np.zeros((len(exponents), 1))
    every_c, every_b = np.meshgrid(exponents, np.concatenate([[0.0], np.geomspace(0.1, 1000, 25)]))
    return every_c.reshape(-1, 1), every_b.reshape(-1, 1)


def separable(
    shape: Callable[[Values, Values, Values], Values],
    places: tuple[Values, Values],
    sizes: Values,
    values: Values,
    targets: Values,
) -> Values:
    """Fit e + a·shape(n; c, b), with a and e not below 0, at every place of the grid, and continue the best.

    Parameters
    ----------
    shape : callable
        From sizes, in multiples of the smallest, exponents and offsets to a falling curve.
    places : (ndarray, ndarray)
        Exponents and offsets to try: see `grid`.
    sizes, values : ndarray of float, shape (k,)
    targets : ndarray of float, shape (m,)

    Returns
    -------
    ndarray of float, shape (m,)
        The curve of least relative squares, at the targets.
    """
    import numpy as np

    exponents, offsets = places
    basis = shape(sizes / sizes[0], exponents, offsets)
    weights = values**-2.0 / (values**-2.0).sum()
    centre, middle = basis @ weights, values @ weights
    spread = basis - centre[:, None]
    scale = (spread * weights) @ (values - middle) / np.maximum((spread**2) @ weights, 1e-300)
    end = middle - scale * centre
    # A loss does not end below nothing, and does not grow with rows: then one of the two terms is all there is.
    alone = (basis * weights) @ values / ((basis**2) @ weights)
    scale, end = np.where(end < 0, alone, scale), np.maximum(end, 0.0)
    scale, end = np.maximum(scale, 0.0), np.where(scale < 0, middle, end)
    residual = values - (end[:, None] + scale[:, None] * basis)
    best = int(((residual**2) @ weights).argmin())
    ahead = shape(targets / sizes[0], exponents[best], offsets[best])
    return np.asarray(end[best] + scale[best] * ahead, dtype=np.float64)
