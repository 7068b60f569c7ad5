"""How fast recorded errors fall: what `advisor.beliefs` steers the ladder by."""

from __future__ import annotations

import math
import statistics
from collections import defaultdict
from collections.abc import Sequence

from benchmarks.curve_data import Recorded
from probes.learning_curve import to_loss

FROM = 128
"""Rows from which a fall is looked at: below, most curves are still flat."""
AHEAD = (2, 8)
"""Factors between the two sizes of a fall; the ladder extrapolates by three and nine."""


def falls(curves: Sequence[Recorded]) -> dict[str, dict[str, dict[str, float]]]:
    """Return by strategy and factor how far the logarithm of the error falls for each tripling of the rows.

    Parameters
    ----------
    curves : sequence of Recorded
        Accuracies.

    Returns
    -------
    dict
        `median`, in nats, of the medians of data sets; `spread`, the standard deviation of single falls from it; how
        many `falls` on how many `datasets`.
    """
    found: dict[tuple[str, int], dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for curve in curves:
        for here, size in enumerate(curve.sizes):
            for factor in AHEAD:
                if size >= FROM and factor * size in curve.sizes:
                    there = curve.sizes.index(factor * size)
                    logs = [math.log(to_loss("accuracy", curve.scores[at])) for at in (here, there)]
                    found[curve.model, factor][curve.dataset].append((logs[0] - logs[1]) / math.log(factor, 3))
    told: dict[str, dict[str, dict[str, float]]] = defaultdict(dict)
    for (model, factor), by_dataset in sorted(found.items()):
        middle = statistics.median(statistics.median(own) for own in by_dataset.values())
        every = [fall for own in by_dataset.values() for fall in own]
        told[model][str(factor)] = {
            "median": round(middle, 3),
            "spread": round(math.sqrt(statistics.fmean((fall - middle) ** 2 for fall in every)), 3),
            "falls": len(every),
            "datasets": len(by_dataset),
        }
    return dict(told)
