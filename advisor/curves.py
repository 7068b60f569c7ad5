"""Learning curves of the candidates of a probe, and what labelling more rows is expected to bring."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Sequence

from probes.base import Frozen
from probes.curve_prior import mechanism_of
from probes.extrapolation import MANY_SIZES
from probes.learning_curve import LEAST_TRAIN_ROWS, Curve, Point, Prediction
from probes.measurement import Measurement, Metric
from strategies import Candidate
from strategies.settling import listed

MORE = (2, 4)
"""How many times the training rows at hand are asked about."""

LEVEL = 0.8
"""Share of intervals that hold."""


class CurvePoint(Frozen):
    """What was measured at one train size."""

    train_rows: int
    """Training rows it learned from."""
    score: float
    """Score on the test rows, between 0 and 1, the mean over seeds."""
    seeds: int
    """How many seeds were measured."""


class CandidateCurve(Frozen):
    """Scores of one candidate over train size, measured and predicted."""

    strategy: str
    """Name of the strategy."""
    model: str | None
    """Name of the model; null where none takes part."""
    points: tuple[CurvePoint, ...]
    """What was measured, by train size."""
    predictions: tuple[Prediction, ...]
    """At all training rows if fewer were learned from, and at 2 and 4 times all; the interval holds what a measurement
    there would show in 80 % of cases. The curves of the other candidates on these rows have a say (`predicted`)."""

    @property
    def candidate(self) -> Candidate:
        """Strategy and model by name."""
        return Candidate(strategy=self.strategy, model=self.model)

    def at(self, rows: int) -> Prediction:
        """Return the prediction at so many training rows; what was measured there is certain."""
        found = next((point for point in self.points if point.train_rows == rows), None)
        if found is not None:
            score = found.score
            return Prediction(size=rows, value=score, low=score, high=score, family="measured")
        return next(prediction for prediction in self.predictions if prediction.size == rows)


def curves_of(
    measurements: Sequence[Measurement], rows: int, labels: Sequence[int], metric: Metric
) -> tuple[CandidateCurve, ...]:
    """Return the curve of each candidate that was measured, in the order in which they were.

    Parameters
    ----------
    measurements : sequence of Measurement
    rows : int
        Training rows there are to learn from.
    labels : sequence of int
        Classes of the test rows.
    metric : {'accuracy', 'macro_f1'}

    Returns
    -------
    tuple of CandidateCurve
        Test scores alone are on it. They choose nothing: who is measured next, and who is dropped, validation rows say.
    """
    own = measured_by(measurements)
    return tuple(
        CandidateCurve(
            strategy=candidate.strategy,
            model=candidate.model,
            points=_points(found),
            predictions=_predictions(found, [o for c, o in own.items() if c != candidate], rows, labels, metric),
        )
        for candidate, found in own.items()
    )


def measured_by(measurements: Sequence[Measurement]) -> dict[Candidate, list[Measurement]]:
    """Return the measurements of each candidate that was measured, in the order in which they were."""
    own: dict[Candidate, list[Measurement]] = defaultdict(list)
    for measurement in measurements:
        own[Candidate(strategy=measurement.strategy, model=measurement.model)].append(measurement)
    return dict(own)


def _points(found: Sequence[Measurement]) -> tuple[CurvePoint, ...]:
    scores: dict[int, list[float]] = defaultdict(list)
    for measurement in found:
        scores[measurement.train_rows].append(measurement.score)
    return tuple(
        CurvePoint(train_rows=size, score=sum(own) / len(own), seeds=len(own)) for size, own in sorted(scores.items())
    )


def _predictions(
    found: Sequence[Measurement],
    others: Sequence[Sequence[Measurement]],
    rows: int,
    labels: Sequence[int],
    metric: Metric,
) -> tuple[Prediction, ...]:
    sizes = [times * rows for times in MORE]
    if max(measurement.train_rows for measurement in found) < rows:
        sizes = [rows, *sizes]
    return predicted(found, sizes, labels, metric, LEVEL, others)


def predicted(
    found: Sequence[Measurement],
    sizes: Sequence[int],
    labels: Sequence[int],
    metric: Metric,
    level: float,
    others: Sequence[Sequence[Measurement]],
) -> tuple[Prediction, ...]:
    """Predict the score of one candidate at larger train sizes, by its own curve and by those of others.

    Parameters
    ----------
    found : sequence of Measurement
        All of it, one at least.
    sizes : sequence of int
        Training rows.
    labels : sequence of int
        Classes of the test rows.
    metric : {'accuracy', 'macro_f1'}
    level : float
        As of `probes.learning_curve.Curve.predict`.
    others : sequence of sequence of Measurement
        All of each other candidate on the same rows, one at least.

    Returns
    -------
    tuple of Prediction
        One a size; with the reason why there is none for a prompt, and for any metric but accuracy.
    """
    mechanism = mechanism_of(found[0].recipe.method)
    reason = ""
    if mechanism is None:
        reason = "a prompt does not learn from training rows"
    elif metric != "accuracy":
        reason = f"curves of accuracy were recorded, and none of {metric}"
    if reason:
        return tuple(
            Prediction(size=size, value=None, low=None, high=None, family=None, why_not=reason) for size in sizes
        )
    # In an order of their own, that of the measurements being chance: the last digits depend on it.
    learned = sorted(
        (other for other in others if mechanism_of(other[0].recipe.method) is not None),
        key=lambda other: (other[0].strategy, other[0].model or ""),
    )
    curve = Curve(
        points=_as_points(found),
        chance=min(Counter(labels).most_common(1)[0][1] / len(labels), 0.999),
        mechanism=mechanism,
        test_rows=len(labels),
        fellows=tuple(
            Curve(points=_as_points(other), mechanism=mechanism_of(other[0].recipe.method), test_rows=len(labels))
            for other in learned
        ),
    )
    return curve.predict(sizes, level)


def _as_points(found: Sequence[Measurement]) -> tuple[Point, ...]:
    return tuple(Point(size=m.train_rows, score=m.score, seed=m.seed) for m in found)


def curve_sizes_wanted(known: Collection[int], rows: int, classes: int) -> tuple[int, ...]:
    """Return the train sizes that would tell most of a curve for little: a half and a quarter of all rows.

    Three sizes tell the score at four times the rows about twice as well as one (`python -m benchmarks.curves`).

    Parameters
    ----------
    known : collection of int
        Train sizes it was measured at.
    rows : int
        Training rows there are to learn from.
    classes : int

    Returns
    -------
    tuple of int
        Larger sizes first; nothing below `LEAST_TRAIN_ROWS` rows or two a class, and none for who was not measured on
        all rows: a larger size would be worth more.

    Examples
    --------
    >>> curve_sizes_wanted([400], 400, classes=2), curve_sizes_wanted([400, 200], 400, classes=2)
    ((200, 100), (100,))
    >>> curve_sizes_wanted([400], 400, classes=80), curve_sizes_wanted([400], 800, classes=2)
    ((200,), ())
    """
    least = max(LEAST_TRAIN_ROWS, 2 * classes)
    missing = [size for size in (rows // 2, rows // 4) if size >= least and size not in known]
    return tuple(missing[: max(0, MANY_SIZES - len(known))]) if rows in known else ()


def if_more_labels(curves: Sequence[CandidateCurve], rows: int, chosen: Candidate | None) -> str:
    """Say who would lead with four times the training rows, and whether that changes the choice.

    Parameters
    ----------
    curves : sequence of CandidateCurve
    rows : int
        Training rows at hand.
    chosen : Candidate or None
        The recommended one.

    Returns
    -------
    str
        Empty where fewer than two candidates can be predicted.
    """
    target = MORE[-1] * rows
    told = [(curve.at(target), curve.candidate) for curve in curves]
    ends = [(at.low, at.value, at.high, who) for at, who in told if at.low is not None and at.high is not None]
    if len(ends) < 2:
        return ""
    low, _, high, leader = max(ends, key=lambda one: one[1] or 0.0)
    where = f"With {MORE[-1]} times the training rows ({target:,})"
    silent = [str(who) for at, who in told if at.value is None]
    but = f"; nothing is known of {listed(silent)} there" if silent else ""
    close = [str(who) for _, _, other, who in ends if who != leader and other >= low]
    if close:
        return (
            f"{where} {leader} looks best, and it is undecided who would lead: its interval, {low:.3f} to {high:.3f}, "
            f"overlaps with that of {listed(close)}{but}."
        )
    if chosen is None:
        return f"{where} {leader} would lead{but}."
    if chosen == leader:
        return f"{where} {leader} would lead, which is the choice now{but}."
    return f"{where} {leader} would lead: more labels would change the choice, which is {chosen} now{but}."
