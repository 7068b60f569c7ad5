"""What the curves of other candidates on the same data set tell of one that learned from fewer rows.

How fast an error falls is the data set's more than the mechanism's: on the recorded curves the change of LoRA's error
follows those of TF-IDF and the linear probe between the same sizes (`benchmarks.curve_passing.errors_of_expected`).
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence

from probes.curve_prior import Mechanism
from probes.learning_curve import LEAST_ERROR

SAY: Mapping[Mechanism, float] = {"bag_of_words": 0.5, "frozen_features": 0.5, "tuning": 1.0}
"""How much the others' curves count against what is typical of the mechanism, whose recorded tuned curves are few."""


def slope_of_others(others: Sequence[Mapping[int, float]], largest: int, size: int) -> float | None:
    """Return the mean slope of the others' errors up to a size, in logarithms, from about the largest size on.

    Parameters
    ----------
    others : sequence of mapping
        Accuracy by training rows of each candidate.
    largest, size : int
        Training rows known of the one in question, and those asked about.

    Returns
    -------
    float or None
        At most 0; None where no other was measured at `size` and below it.

    Examples
    --------
    >>> round(slope_of_others([{250: 0.6, 500: 0.6, 1000: 0.8}], 300, 1000), 3)
    -0.5
    """
    slopes = []
    for scores in others:
        below = [rows for rows in scores if rows < size]
        if size in scores and below:
            near = min(below, key=lambda rows: abs(math.log(rows / largest)))
            slopes.append((_log_error(scores[size]) - _log_error(scores[near])) / math.log(size / near))
    return min(0.0, statistics.mean(slopes)) if slopes else None


def follow(
    score: float,
    largest: int,
    size: int,
    others: Sequence[Mapping[int, float]],
    typical: float,
    mechanism: Mechanism,
) -> float:
    """Return the accuracy expected at a size, by the curves of others and by what is typical of the mechanism.

    Parameters
    ----------
    score : float
        Accuracy at `largest` training rows.
    largest, size : int
    others : sequence of mapping
        See `slope_of_others`.
    typical : float
        Accuracy at `size` that is expected without knowing the others: the answer where they tell nothing.
    mechanism : str

    Examples
    --------
    >>> round(follow(0.8, 250, 1000, [{250: 0.6, 1000: 0.8}], 0.84, "tuning"), 3)
    0.9
    """
    slope = slope_of_others(others, largest, size)
    if slope is None:
        return typical
    same = _log_error(score) + slope * math.log(size / largest)
    say = SAY[mechanism]
    return 1 - math.exp(say * same + (1 - say) * _log_error(typical))


def _log_error(score: float) -> float:
    return math.log(max(1 - score, LEAST_ERROR))
