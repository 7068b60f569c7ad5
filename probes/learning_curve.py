"""Learning curves: from scores at a few train sizes to the score at a larger one, with an interval.

Several power laws (`probes.curve_families`) are continued, and their mean predicts a loss. An accuracy is treated as
the error it leaves, so that it never exceeds 1, and what recorded curves did (`probes.curve_prior`) has half a say: on
one or two sizes the whole. With it speak the curves of other candidates on the same data set.

The interval is split conformal: how far off such predictions were on recorded curves, in multiples of the spread they
told of themselves, by the number of measured sizes and at two, four, eight and sixteen times the largest probe, of an
accuracy also by what learned, and apart where other candidates on the same data have a say. What test rows fewer than
theirs add is reckoned.
`python -m benchmarks.curves --calibrate` makes these tables.
"""

from __future__ import annotations

import functools
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, Self, get_args

from pydantic import Field, model_validator

from probes.base import Frozen
from probes.curve_prior import Mechanism, Prior
from probes.extrapolation import (
    BLEND,
    MANY_SIZES,
    Continued,
    Kind,
    Known,
    expected_error,
    extrapolate,
    half_width,
    left_open,
)

LEAST_SIZES: Mapping[Kind, int] = MappingProxyType({"loss": 3, "accuracy": 1})
"""Different train sizes below which nothing is predicted: of losses, no typical slope was recorded."""

TEST_ROWS = 1_000
"""Test rows an accuracy is taken to have where nothing is said."""

LEAST_TRAIN_ROWS = 64
"""Rows of a largest probe below which an accuracy is not continued: curves were recorded from there on."""

LEAST_TEST_ROWS = 50
"""Test rows below which an accuracy is not continued: with so many intervals were seen to hold what they promise
(`benchmarks.curve_rows`)."""

Company = Literal["alone", "together"]
"""Whether the curves of other candidates on the same data are known."""
COMPANIES: tuple[Company, ...] = get_args(Company)

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
        If a score cannot be one of its kind, or a fellow could tell nothing.
    """

    points: tuple[Point, ...]
    """Measurements in any order; several seeds at one size are averaged."""
    kind: Kind = "accuracy"
    """Whether scores are accuracies or losses."""
    chance: float = Field(0.0, ge=0, lt=1)
    """Accuracy that guessing has; no prediction lies below it unless the largest probe did. Not used for a loss."""
    mechanism: Mechanism | None = None
    """What learned; None where it is not known. Not used for a loss."""
    test_rows: int = Field(TEST_ROWS, ge=1)
    """Test rows behind each accuracy. Not used for a loss."""
    fellows: tuple[Curve, ...] = ()
    """Curves of other candidates on the same data set, each with its mechanism. Not used for a loss, nor where this
    one's mechanism is not known."""

    @model_validator(mode="after")
    def _scores_are_possible(self) -> Self:
        for point in self.points:
            if self.kind == "accuracy" and not 0 <= point.score <= 1:
                raise ValueError(f"an accuracy of {point.score:g} was given: accuracies lie between 0 and 1")
            if self.kind == "loss" and not 0 < point.score < math.inf:
                raise ValueError(f"a loss of {point.score:g} was given: losses lie above 0")
        if any(fellow.kind != "accuracy" or fellow.mechanism is None or not fellow.points for fellow in self.fellows):
            raise ValueError("a fellow without points or mechanism, or of losses, was given: it would tell nothing")
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
            One a size, in their order. It has a reason in place of a value where too few sizes were measured (three
            for a loss, one for an accuracy), an accuracy is of fewer than 64 training or 50 test rows, and for a size
            that is not beyond the largest probe or more often its multiple than was calibrated.

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
        >>> [at] = Curve(points=points).predict([100_000])
        >>> at.value, at.why_not[:44]
        (None, '100,000 rows are 195.3 times the largest pro')
        """
        means, alone, together = self.means(), calibration()[self.kind], None
        if self.kind == "accuracy" and self.mechanism is not None:
            tables = calibration_by_mechanism()[self.mechanism]
            alone = tables["alone"]
            if fellows := [fellow.known() for fellow in self.fellows if len(fellow.means()) > 1]:
                together = _Together(fellows, _widths(tables["together"], len(means), level))
        widths = _widths(alone, len(means), level)
        return tuple(self._at(size, means, widths, together, level) for size in sizes)

    def known(self) -> Known:
        """Return what an extrapolation knows: the mean loss, or the error that accuracies leave, at each size."""
        import numpy as np

        means = self.means()
        return Known(
            mechanism=self.mechanism,
            sizes=np.array(list(means), float),
            errors=np.array([to_loss(self.kind, score, self.test_rows) for score in means.values()]),
            test_rows=self.test_rows,
            seeds=np.array([sum(point.size == n for point in self.points) for n in means], float),
        )

    def _at(
        self, size: int, means: dict[int, float], widths: dict[int, float], together: _Together | None, level: float
    ) -> Prediction:
        import numpy as np

        largest, most, least_sizes = max(means, default=0), max(widths), LEAST_SIZES[self.kind]
        reason = ""
        if len(means) < least_sizes:
            reason = f"{counted(len(means))} measured, and a curve of this kind takes {least_sizes}"
        elif size <= largest:
            reason = f"{size:,} rows are not beyond the largest probe of {largest:,}"
        elif self.kind == "accuracy" and largest < LEAST_TRAIN_ROWS:
            reason = f"it learned from {largest} rows, and curves were recorded from {LEAST_TRAIN_ROWS} on"
        elif self.kind == "accuracy" and self.test_rows < LEAST_TEST_ROWS:
            reason = f"{self.test_rows} test rows say too little of a score, {LEAST_TEST_ROWS} were seen to be enough"
        elif size > most * largest:
            reason = (
                f"{size:,} rows are {size / largest:.1f} times the largest probe, "
                f"and how far off a prediction is was recorded up to {most} times"
            )
        if reason:
            return Prediction(size=size, value=None, low=None, high=None, family=None, why_not=reason)
        own, targets, width = self.known(), np.array([size], float), _width(widths, size / largest)
        if self.kind == "loss":
            centre, spread = extrapolate(own.sizes, own.errors, targets)
            found = Continued(centre, spread, 0 * spread)
        elif together is None:
            found = expected_error(prior(), own, targets)
        else:
            found = expected_error(prior(), own, targets, together.fellows)
            # Others that tell less than those on recorded curves did leave some of the width without them, too.
            left = float(left_open(prior(), own, targets, together.fellows)[0])
            say = min(1.0, (1 - left) / (1 - most_left_open()))
            width = say * _width(together.widths, size / largest) + (1 - say) * width
        half = half_width(width, float(found.spread[0]), float(found.noise[0]), level)
        ends = [math.exp(found.centre[0] + sign * half) for sign in (0, 1, -1)]
        if self.kind == "accuracy":
            least = min(self.chance, means[largest])
            ends = [max(least, 1 - min(1.0, end)) for end in ends]
        value, low, high = ends[0], min(ends), max(ends)
        return Prediction(size=size, value=value, low=low, high=high, family=_family(self.kind, len(means), together))


@dataclass(frozen=True, eq=False)
class _Together:
    """Other candidates on the same data, and the widths of intervals where they are known."""

    fellows: Sequence[Known]
    widths: dict[int, float]


def _widths(tables: Mapping[str, Mapping[str, Mapping[str, float]]], sizes: int, level: float) -> dict[int, float]:
    """Return by factor the multiples of the spread for so many measured sizes."""
    table = tables[str(min(max(sizes, min(map(int, tables))), MANY_SIZES))]
    if str(level) not in table:
        raise ValueError(f"level {level:g} was asked for: intervals are calibrated for {', '.join(table)}")
    return {int(factor): width for factor, width in table[str(level)].items()}


def _width(widths: dict[int, float], factor: float) -> float:
    """Return the width at a factor: between those calibrated by the doublings, below the first as at the first."""
    import numpy as np

    return float(np.interp(math.log2(factor), np.log2(list(widths)), list(widths.values())))


def _family(kind: Kind, sizes: int, together: _Together | None) -> str:
    """Name what predicts."""
    named = f"mean of {', '.join(BLEND)}"
    if kind == "loss":
        return named
    told = "recorded curves and those of the other candidates" if together else "recorded curves"
    return f"{named}; and {told}" if sizes >= MANY_SIZES else told


def counted(sizes: int) -> str:
    """Say how many train sizes were measured.

    Examples
    --------
    >>> counted(1), counted(2)
    ('1 train size was', '2 train sizes were')
    """
    return f"{sizes} train size was" if sizes == 1 else f"{sizes} train sizes were"


def predict(
    points: Sequence[Point], sizes: Sequence[int], kind: Kind = "accuracy", level: float = 0.8, chance: float = 0.0
) -> tuple[Prediction, ...]:
    """Predict the score at larger train sizes: see `Curve.predict`."""
    return Curve(points=tuple(points), kind=kind, chance=chance).predict(sizes, level)


def to_loss(kind: Kind, score: float, test_rows: int = TEST_ROWS) -> float:
    """Return what is continued: the loss itself, or the error an accuracy leaves.

    No error on so many test rows is taken for half of one: it may be any below one, and logarithms end at 0.

    Examples
    --------
    >>> to_loss("accuracy", 0.75), to_loss("accuracy", 1.0, test_rows=100)
    (0.25, 0.005)
    """
    return score if kind == "loss" else max(1 - score, 1 / (2 * test_rows))


@functools.cache
def _shipped() -> dict[str, Any]:
    table: dict[str, Any] = json.loads(CALIBRATION.read_text(encoding="utf-8"))
    return table


def calibration() -> dict[Kind, dict[str, dict[str, dict[str, float]]]]:
    """Return the shipped quantiles: by kind of score, measured sizes (three stand for more), level and factor.

    Each is a multiple of the `spread` of `extrapolate` or `expected_error`, the factor being that beyond the largest
    probe; `probes.extrapolation.half_width` adds noise.
    """
    return {kind: _shipped()[kind] for kind in LEAST_SIZES}


def calibration_by_mechanism() -> dict[Mechanism, dict[Company, dict[str, dict[str, dict[str, float]]]]]:
    """Return the same for accuracies of what is known to have learned, by whether others on the same data are known.

    Each mechanism's are stretched as it needs.
    """
    table: dict[Mechanism, dict[Company, dict[str, dict[str, dict[str, float]]]]] = _shipped()["by_mechanism"]
    return table


def most_left_open() -> float:
    """Return how much of a gain's variance others on the same data left at most where widths were calibrated."""
    share: float = _shipped()["left_open"]
    return share


@functools.cache
def prior() -> Prior:
    """Return what is shipped as typical of recorded accuracy curves."""
    return Prior.model_validate(_shipped()["prior"])
