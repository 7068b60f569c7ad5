"""Learning curves: from scores at a few train sizes to the score at a larger one, with an interval.

Several power laws (`probes.curve_families`) are continued, and their mean predicts. The interval is split conformal:
how far off such predictions were on recorded curves, in multiples of the distance between the power laws, at two, four
and eight times the largest probe. `python -m benchmarks.curves --calibrate` makes the table of quantiles.

An accuracy is treated as the error it leaves, so that it never exceeds 1.
"""

from __future__ import annotations

import functools
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal, Self

from pydantic import Field, model_validator

from probes.base import Frozen
from probes.curve_families import FAMILIES

if TYPE_CHECKING:
    from probes.curve_families import Values

Kind = Literal["accuracy", "loss"]

LEAST_SIZES = 3
"""Different train sizes below which nothing is predicted: two show a slope and not whether it holds."""

BLEND: Mapping[Kind, tuple[str, ...]] = MappingProxyType(
    {"loss": ("last two", "last three"), "accuracy": ("last two", "last three", "power law", "pow3", "pow4")}
)
"""The families whose mean predicts.

Losses on many test tokens are smooth and still change their slope: only the last points tell where they go. Accuracies
are noisy: the more is averaged the better. Choosing by backtests on the curve's own last points gained nothing on
either; docs/design.md says on which curves this was looked at.
"""

FLOOR: Mapping[Kind, float] = MappingProxyType({"loss": 0.01, "accuracy": 0.05})
"""Uncertainty for each doubling that a curve has in any case, as a share of the loss or error: families may agree."""

LEAST_ERROR = 1e-3
"""Error an accuracy is taken to leave at least: logarithms end at 0."""

CALIBRATION = Path(__file__).with_name("curve_calibration.json")


class Point(Frozen):
    """One measurement as a curve sees it."""

    size: int = Field(ge=1)
    """Training rows it learned from."""
    score: float
    """Accuracy between 0 and 1, or a loss above 0."""
    seed: int = 0


class Prediction(Frozen):
    """A score at a train size that was not measured, or the reason why there is none."""

    size: int
    """Training rows."""
    value: float | None
    """Expected score; None where it cannot be told."""
    low: float | None
    """Lower end of the interval; None with `value`."""
    high: float | None
    """Upper end of the interval; None with `value`."""
    family: str | None
    """The family of curves, or those whose mean it is; None with `value`."""
    why_not: str = ""
    """Where there is no value, the reason with its numbers."""


class Curve(Frozen):
    """Scores of one recipe over train size.

    Raises
    ------
    ValueError
        If a score cannot be one of its kind.
    """

    points: tuple[Point, ...]
    """Measurements in any order; several seeds at one size are averaged."""
    kind: Kind = "accuracy"
    """Whether scores are accuracies or losses."""
    chance: float = Field(0.0, ge=0, lt=1)
    """Accuracy that guessing has; no prediction lies below it unless the largest probe did. Not used for a loss."""

    @model_validator(mode="after")
    def _scores_are_possible(self) -> Self:
        for point in self.points:
            if self.kind == "accuracy" and not 0 <= point.score <= 1:
                raise ValueError(f"an accuracy of {point.score:g} was given: accuracies lie between 0 and 1")
            if self.kind == "loss" and not 0 < point.score < math.inf:
                raise ValueError(f"a loss of {point.score:g} was given: losses lie above 0")
        return self

    def means(self) -> dict[int, float]:
        """Return the mean score at each train size, ascending.

        Examples
        --------
        >>> points = (Point(size=64, score=0.5), Point(size=32, score=0.3), Point(size=64, score=0.75, seed=1))
        >>> Curve(points=points).means()
        {32: 0.3, 64: 0.625}
        """
        by_size: dict[int, list[float]] = {}
        for point in self.points:
            by_size.setdefault(point.size, []).append(point.score)
        return {size: sum(scores) / len(scores) for size, scores in sorted(by_size.items())}

    def predict(self, sizes: Sequence[int], level: float = 0.8) -> tuple[Prediction, ...]:
        """Predict the score at larger train sizes.

        Parameters
        ----------
        sizes : sequence of int
            Training rows.
        level : float
            Share of intervals that hold the score: 0.5, 0.8, 0.9 or 0.95.

        Returns
        -------
        tuple of Prediction
            One a size, in their order. It has a reason in place of a value where fewer than three sizes were measured,
            and for a size that is not beyond the largest probe or more often its multiple than was calibrated.

        Raises
        ------
        ValueError
            If the level was not calibrated.

        Examples
        --------
        >>> scores = {64: 0.70, 128: 0.76, 256: 0.80, 512: 0.835}
        >>> points = tuple(Point(size=size, score=score) for size, score in scores.items())
        >>> [at] = Curve(points=points).predict([1024])
        >>> at.low < 0.86 < at.high
        True
        >>> [at] = Curve(points=points[:2]).predict([1024])
        >>> at.value, at.why_not
        (None, '2 train sizes were measured, and a curve takes 3')
        """
        table = calibration()[self.kind]
        if str(level) not in table:
            raise ValueError(f"level {level:g} was asked for: intervals are calibrated for {', '.join(table)}")
        quantiles = {int(factor): width for factor, width in table[str(level)].items()}
        means = self.means()
        return tuple(self._at(size, means, quantiles) for size in sizes)

    def _at(self, size: int, means: dict[int, float], quantiles: dict[int, float]) -> Prediction:
        import numpy as np

        largest, most = max(means, default=0), max(quantiles)
        reason = ""
        if len(means) < LEAST_SIZES:
            reason = f"{len(means)} train sizes were measured, and a curve takes {LEAST_SIZES}"
        elif size <= largest:
            reason = f"{size:,} rows are not beyond the largest probe of {largest:,}"
        elif size > most * largest:
            reason = (
                f"{size:,} rows are {size / largest:.1f} times the largest probe, "
                f"and how far off a prediction is was recorded up to {most} times"
            )
        if reason:
            return Prediction(size=size, value=None, low=None, high=None, family=None, why_not=reason)
        values = np.array([to_loss(self.kind, score) for score in means.values()])
        centre, spread = extrapolate(self.kind, np.array(list(means), float), values, np.array([size], float))
        # Between calibrated factors the width grows with the doublings; below the first it is that of the first.
        width = float(np.interp(math.log2(size / largest), np.log2(list(quantiles)), list(quantiles.values())))
        ends = [math.exp(centre[0] + sign * width * spread[0]) for sign in (0, 1, -1)]
        if self.kind == "accuracy":
            least = min(self.chance, means[largest])
            ends = [max(least, 1 - min(1.0, end)) for end in ends]
        value, low, high = ends[0], min(ends), max(ends)
        return Prediction(size=size, value=value, low=low, high=high, family=f"mean of {', '.join(BLEND[self.kind])}")


def predict(
    points: Sequence[Point], sizes: Sequence[int], kind: Kind = "accuracy", level: float = 0.8, chance: float = 0.0
) -> tuple[Prediction, ...]:
    """Predict the score at larger train sizes: see `Curve.predict`."""
    return Curve(points=tuple(points), kind=kind, chance=chance).predict(sizes, level)


def to_loss(kind: Kind, score: float) -> float:
    """Return what is continued: the loss itself, or the error an accuracy leaves."""
    return score if kind == "loss" else max(1 - score, LEAST_ERROR)


def extrapolate(kind: Kind, sizes: Values, values: Values, targets: Values) -> tuple[Values, Values]:
    """Continue a loss or an error beyond its largest size.

    Parameters
    ----------
    kind : {'accuracy', 'loss'}
        What the values come from.
    sizes : ndarray of float, shape (k,)
        Different train sizes, ascending, at least three.
    values : ndarray of float, shape (k,)
        Loss or error at each, above 0.
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

    said = {name: family(sizes, values, targets) for name, family in FAMILIES.items()}
    # What cannot exceed 1 does not, and nothing ends below nothing.
    most = 1.0 if kind == "accuracy" else math.inf
    logarithms = {name: np.log(np.clip(at, 0.01 * values[-1], most)) for name, at in said.items()}
    centre = np.mean([logarithms[name] for name in BLEND[kind]], axis=0)
    distance = np.sqrt(np.mean([(at - centre) ** 2 for at in logarithms.values()], axis=0))
    return centre, distance + FLOOR[kind] * np.log2(targets / sizes[-1])


@functools.cache
def calibration() -> dict[str, dict[str, dict[str, float]]]:
    """Return the shipped quantiles: by kind of score, level, and factor beyond the largest probe.

    Each is a multiple of the `spread` of `extrapolate`.
    """
    table: dict[str, dict[str, dict[str, float]]] = json.loads(CALIBRATION.read_text(encoding="utf-8"))
    return table
