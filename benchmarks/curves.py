"""Predictions from learning curves: how far off they are, and whether their intervals hold what they promise.

    python -m benchmarks.curves [--quick] [--json]
    python -m benchmarks.curves --calibrate

On 90 published losses of fine-tuning and on the accuracies of `benchmarks/curves/recorded.csv`. A prediction knows the
first three or more sizes of a curve and is asked for the score at two, four and eight times the last one it knows.

Intervals are calibrated without what they are tested on: each data set in turn is held out with all its curves, and for
the losses each family of models too. What is exchangeable is thus the data set or the family, a draw from those that
were recorded; sizes and seeds of one curve are not, and never stand on both sides. Errors are those of the prediction
as it is: nothing in it is learned from other curves. `--calibrate` writes the quantiles of all curves to
`probes/curve_calibration.json`; `--quick` does the same as no flag and keeps nothing.
"""

from __future__ import annotations

import argparse
import functools
import itertools
import json
import math
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np

from benchmarks.common import Claim, main
from benchmarks.curve_data import FACTORS, Recorded, over_seeds, published, recorded
from benchmarks.curve_rivals import RIVALS
from probes.files import write_text
from probes.learning_curve import CALIBRATION, Kind, extrapolate, to_loss

LEVELS = (0.5, 0.8, 0.9, 0.95)
FAR = FACTORS[-1]
LARGE = 512
"""Rows of a largest probe that is not small."""


@dataclass(frozen=True)
class Miss:
    """One prediction and the truth."""

    curve: Recorded
    known: int
    """Sizes it knew."""
    factor: int
    truth: float
    """Loss or error at the target."""
    centre: float
    """Logarithm of the prediction."""
    spread: float

    @property
    def error(self) -> float:
        """Distance of the prediction: a share of the loss, or points of accuracy."""
        return self.distance(math.exp(self.centre))

    def distance(self, prediction: float) -> float:
        """Return how far off a prediction is, as `error`."""
        return 100 * abs(prediction - self.truth) / (self.truth if self.curve.kind == "loss" else 1)

    @property
    def multiple(self) -> float:
        """The spread's multiple that just reaches the truth."""
        return abs(self.centre - math.log(self.truth)) / self.spread


def misses(curves: Sequence[Recorded]) -> list[Miss]:
    """Predict every target of every curve."""
    made = []
    for curve in curves:
        sizes, values = _arrays(curve)
        for known, at, factor in curve.tasks():
            centre, spread = extrapolate(curve.kind, sizes[:known], values[:known], sizes[at : at + 1])
            made.append(Miss(curve, known, factor, float(values[at]), float(centre[0]), float(spread[0])))
    return made


def _arrays(curve: Recorded) -> tuple[Any, Any]:
    return np.array(curve.sizes, float), np.array([to_loss(curve.kind, score) for score in curve.scores])


def rival_errors(curves: Sequence[Recorded], rival: str) -> list[float]:
    """Return how far off a rival is at eight times the largest probe, as `Miss.error`."""
    errors = []
    for curve in curves:
        sizes, values = _arrays(curve)
        for known, at, factor in curve.tasks():
            if factor == FAR:
                said = float(RIVALS[rival](sizes[:known], values[:known], sizes[at : at + 1])[0])
                said = max(said, 0.0) if curve.kind == "loss" else min(max(said, 0.0), 1.0)
                errors.append(Miss(curve, known, factor, float(values[at]), 0.0, 1.0).distance(said))
    return errors


def quantile(values: Sequence[float], level: float) -> float:
    """Return the conformal quantile: the ⌈(n + 1)·level⌉-th smallest (Vovk et al. 2005), the largest if there is none.

    Examples
    --------
    >>> quantile([3.0, 1.0, 2.0, 4.0], 0.8)
    4.0
    """
    return sorted(values)[min(len(values), math.ceil((len(values) + 1) * level)) - 1]


def quantiles(made: Sequence[Miss], level: float) -> dict[int, float]:
    """Return the multiple of the spread that holds this share of the truths, by factor."""
    return {factor: quantile([m.multiple for m in made if m.factor == factor], level) for factor in FACTORS}


def held(made: Sequence[Miss], group: Callable[[Recorded], str], level: float) -> dict[str, list[bool]]:
    """Return for each group whether its truths lie in intervals calibrated on the other groups."""
    groups: dict[str, list[Miss]] = defaultdict(list)
    for miss in made:
        groups[group(miss.curve)].append(miss)
    inside = {}
    for name, own in groups.items():
        widths = quantiles([m for m in made if group(m.curve) != name], level)
        inside[name] = [m.multiple <= widths[m.factor] for m in own]
    return inside


def by_dataset(curve: Recorded) -> str:
    """Group curves by data set."""
    return curve.dataset


def by_model(curve: Recorded) -> str:
    """Group curves by family of models."""
    return curve.model


def _share(inside: dict[str, list[bool]]) -> float:
    return round(100 * float(np.mean([x for own in inside.values() for x in own])), 1)


def _far(made: Sequence[Miss]) -> float:
    return round(float(np.median([m.error for m in made if m.factor == FAR])), 2)


@functools.cache
def predictions(of: Literal["loss", "accuracy", "means"]) -> list[Miss]:
    """Return all predictions of losses, of accuracies, or of accuracies averaged over seeds."""
    match of:
        case "loss":
            return misses(published())
        case "accuracy":
            return misses(recorded())
        case "means":
            return misses(over_seeds(recorded()))


def measure(quick: bool) -> list[Claim]:  # noqa: ARG001 - it takes seconds
    """Measure the claims."""
    return [*_losses(predictions("loss")), *_accuracies(predictions("accuracy"), predictions("means"))]


def _losses(made: list[Miss]) -> list[Claim]:
    curves = list(dict.fromkeys(m.curve for m in made))
    far, unseen = _far(made), _far([m for m in made if not m.curve.looked_at])
    folds = {"data set": _share(held(made, by_dataset, 0.9)), "model family": _share(held(made, by_model, 0.9))}
    fresh = [m for m in made if not m.curve.looked_at]
    seen = quantiles([m for m in made if m.curve.looked_at], 0.9)
    fresh_share = round(100 * float(np.mean([m.multiple <= seen[m.factor] for m in fresh])), 1)
    where = "90 losses, 8×, median relative error in %"
    return [
        Claim(where, far, "≤ 2.5", far <= 2.5),
        Claim(f"{where}: models not looked at", unseen, "≤ 2.5", unseen <= 2.5),
        *_rivals(curves, where),
        *(
            Claim(f"losses, 90 % intervals hold %, one {name} held out at a time", share, "≥ 87", share >= 87)
            for name, share in folds.items()
        ),
        Claim(
            "losses, 90 % intervals hold %, calibrated on the models looked at, tested on the others",
            fresh_share, "≥ 87", fresh_share >= 87,
        ),
    ]  # fmt: skip


def _accuracies(made: list[Miss], means: list[Miss]) -> list[Claim]:
    far, unseen = _far(made), _far([m for m in made if not m.curve.looked_at])
    share = _share(held(made, by_dataset, 0.8))
    fresh = [m for m in made if not m.curve.looked_at]
    seen = quantiles([m for m in made if m.curve.looked_at], 0.8)
    fresh_share = round(100 * float(np.mean([m.multiple <= seen[m.factor] for m in fresh])), 1)
    curves = list(dict.fromkeys(m.curve for m in made))
    datasets = len({c.dataset for c in curves})
    where = "recorded accuracies, 8×, median absolute error in points"
    averaged = _far(means) if any(m.factor == FAR for m in means) else None
    large = [m for m in made if m.curve.sizes[m.known - 1] >= LARGE]
    return [
        Claim("data sets with recorded curves", datasets, "≥ 10", datasets >= 10),
        Claim(f"{where}: two seeds at one size, for comparison", _between_seeds(curves), "reported", None),
        Claim(where, far, "≤ 1", far <= 1),
        Claim(f"{where}: data sets not looked at", unseen, "≤ 1", unseen <= 1),
        Claim(f"{where}: means of seeds", averaged, "≤ 1", None if averaged is None else averaged <= 1),
        Claim(f"{where}: largest probe of {LARGE} rows or more", _far(large), "≤ 1", _far(large) <= 1),
        *_rivals(curves, where),
        Claim(
            "accuracies, 80 % intervals hold %, one data set held out at a time", share, "75 to 85", 75 <= share <= 85
        ),
        Claim(
            "accuracies, 80 % intervals hold %, calibrated on the data sets looked at, tested on the others",
            fresh_share, "75 to 85", 75 <= fresh_share <= 85,
        ),
    ]  # fmt: skip


def _between_seeds(curves: Sequence[Recorded]) -> float | None:
    """Return the median distance between seeds at the same target sizes: what no prediction of one seed can tell."""
    by_task: dict[tuple[str, str, int], list[float]] = defaultdict(list)
    for curve in curves:
        for at in {at for _, at, factor in curve.tasks() if factor == FAR}:
            by_task[curve.dataset, curve.model, curve.sizes[at]].append(curve.scores[at])
    apart = [100 * abs(a - b) for scores in by_task.values() for a, b in itertools.combinations(scores, 2)]
    return round(float(np.median(apart)), 2) if apart else None


def _rivals(curves: Sequence[Recorded], where: str) -> list[Claim]:
    """Report every rival at eight times the largest probe."""
    return [
        Claim(f"{where}: {name}", round(float(np.median(rival_errors(curves, name))), 2), "reported", None)
        for name in RIVALS
    ]


def details() -> dict[str, Any]:
    """Return errors and shares held by factor, and shares held by data set and family."""
    document: dict[str, Any] = {"p90_error_of_rivals_at_8": {}}
    for name in ("loss", "accuracy"):
        curves = list(dict.fromkeys(m.curve for m in predictions(name)))
        document["p90_error_of_rivals_at_8"][name] = {
            rival: round(float(np.quantile(rival_errors(curves, rival), 0.9)), 2) for rival in RIVALS
        }
    for name in ("loss", "accuracy", "means"):
        made = predictions(name)
        if not made:
            continue
        level = 0.9 if name == "loss" else 0.8
        widths = quantiles(made, level)
        document[name] = {
            "curves": len({m.curve for m in made}),
            "by_factor": {
                str(factor): {
                    "predictions": len(own),
                    "median_error": round(float(np.median([m.error for m in own])), 2),
                    "p90_error": round(float(np.quantile([m.error for m in own], 0.9)), 2),
                    "median_half_width": round(float(np.median([_half_width(m, widths[factor]) for m in own])), 2),
                }
                for factor in FACTORS
                if (own := [m for m in made if m.factor == factor])
            },
            f"held_by_dataset_{level:g}": _shares(held(made, by_dataset, level)),
        }
        if name == "loss":
            document[name][f"held_by_model_{level:g}"] = _shares(held(made, by_model, level))
    return document


def _shares(inside: dict[str, list[bool]]) -> dict[str, float]:
    return {name: round(float(np.mean(own)), 3) for name, own in inside.items()}


def _half_width(miss: Miss, width: float) -> float:
    """Return half the interval's width: a share of the prediction, or points of accuracy."""
    middle = math.exp(miss.centre)
    ends = [math.exp(miss.centre + sign * width * miss.spread) for sign in (-1, 1)]
    if miss.curve.kind == "loss":
        return 50 * (ends[1] - ends[0]) / middle
    return 50 * (min(ends[1], 1.0) - ends[0])


def calibrated(kind: Kind) -> dict[str, dict[str, float]]:
    """Return what is shipped for one kind of score: the quantiles over all curves, by level and factor."""
    return {
        str(level): {str(factor): round(width, 4) for factor, width in quantiles(predictions(kind), level).items()}
        for level in LEVELS
    }


def run() -> None:
    """Measure, or with `--calibrate` write the table of quantiles."""
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--calibrate", action="store_true")
    flags, _ = parser.parse_known_args()
    if flags.calibrate:
        table = {kind: calibrated(kind) for kind in get_args(Kind)}
        write_text(CALIBRATION, json.dumps(table, indent=2) + "\n")
    else:
        main("curves", measure, details)


if __name__ == "__main__":
    run()
