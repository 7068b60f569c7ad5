"""What predictions from curves are compared with: the last value, the plain power law, other families, and a choice."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from probes.curve_families import FAMILIES, grid, line, separable

if TYPE_CHECKING:
    from probes.curve_families import Family, Values


def last_value(sizes: Values, values: Values, targets: Values) -> Values:  # noqa: ARG001 - all have one signature
    """Nothing changes any more."""
    return np.full(len(targets), values[-1])


def log_linear(sizes: Values, values: Values, targets: Values) -> Values:
    """Return a − b·log n through all points."""
    return line(np.log(sizes), values, np.log(targets))


def log_linear_three(sizes: Values, values: Values, targets: Values) -> Values:
    """Return a − b·log n through the last three points."""
    return log_linear(sizes[-3:], values[-3:], targets)


def mmf(sizes: Values, values: Values, targets: Values) -> Values:
    """Return e + a / (b + n^c), the curve of Morgan, Mercer and Flodin (1975).

    The rectified scaling law of fine-tuning (Lin et al. 2024) is the same function of the number of rows.
    """
    return separable(lambda n, c, b: (1 + b) / (n**c + b), grid(), sizes, values, targets)


SINGLE: Mapping[str, Family] = {
    "last value": last_value,
    **FAMILIES,
    "MMF": mmf,
    "log-linear": log_linear,
    "last three, log-linear": log_linear_three,
}


def leave_last_out(sizes: Values, values: Values, targets: Values) -> Values:
    """Return what the family says that would have told the last point best from those before it.

    Three points leave none to choose by: then the power law through the last three.
    """
    if len(sizes) == 3:
        return FAMILIES["last three"](sizes, values, targets)

    def miss(family: Family) -> float:
        return abs(float(family(sizes[:-1], values[:-1], sizes[-1:])[0]) - float(values[-1]))

    return min(SINGLE.values(), key=miss)(sizes, values, targets)


RIVALS: Mapping[str, Family] = {**SINGLE, "best by leave-last-out": leave_last_out}
"""By name; the plain power law and the power law through the last three points are among them."""
