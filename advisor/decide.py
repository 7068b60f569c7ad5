"""From measurements to verdicts, and from verdicts to the recommendation."""

from __future__ import annotations

from collections.abc import Container

from advisor.curves import predicted
from probes.base import Frozen
from probes.comparison import Comparison, compare
from probes.curve_prior import mechanism_of
from probes.data import TaskData
from probes.measurement import Measurement, Metric
from probes.recipe import Recipe
from probes.statistics import Interval
from strategies import Candidate, Evidence, Outcome, Strategy, Unfinished, Verdict

PASSING = 0.9
"""Level of the two-sided interval whose upper end a rival does not exceed in 95 % of cases."""


class RunnerUp(Frozen):
    """A candidate that was not chosen."""

    strategy: str
    model: str | None
    verdict: Outcome
    score: Interval | None


class Recommendation(Frozen):
    """The candidate chosen."""

    strategy: str
    model: str | None
    """Name of the model; None where none takes part."""
    metric: Metric
    score: Interval
    """Score to expect, with its two-sided 95 % interval."""
    verdict: Outcome
    """The candidate's own verdict: CONFIRMED, or UNDECIDED where none was confirmed."""
    because: str
    """Why this one, in a few sentences."""
    recipe: Recipe
    """The recipe that was measured, at the rows it was measured on."""
    train_rows: int
    seconds: float
    """Seconds its measurement took here, search included."""
    transfer: str
    """Whether transfer is worth it here, in one sentence."""
    settle: str = ""
    """What would settle it, where it is undecided."""
    tried: int = 0
    """Settings tried on validation rows to choose the recipe."""
    runners_up: tuple[RunnerUp, ...] = ()


def judge(
    strategies: dict[str, Strategy],
    candidates: list[Candidate],
    measurements: list[Measurement],
    data: TaskData,
    *,
    blocked: dict[Candidate, str],
    failures: dict[Candidate, str],
    metric: Metric,
    tolerance: float,
    target: float | None,
    rows: int,
    dropped: Container[Candidate] = (),
) -> list[Verdict]:
    """Give every candidate exactly one verdict.

    Parameters
    ----------
    strategies : dict
        By name.
    candidates : list of Candidate
        All that were asked for.
    measurements : list of Measurement
    data : TaskData
    blocked, failures : dict
        Facts that rule candidates out, and reasons why others were not measured.
    metric : {'accuracy', 'macro_f1'}
    tolerance : float
        On the scale of the score.
    target : float or None
    rows : int
        Training rows the verdict is about.
    dropped : container of Candidate
        Those that validation rows showed to lie behind, at all rows too.

    Returns
    -------
    list of Verdict
        In the order of the candidates.
    """
    by_candidate = {c: _at_most_rows(measurements, c) for c in candidates}
    measured = [c for c in candidates if by_candidate[c]]
    seeded = [strategies[c.strategy].seeded for c in measured]
    comparisons = _compare(measured, by_candidate, seeded, data, metric, tolerance)
    labelled = sum(len(part.labels) for part in (data.train, data.validation, data.test))
    verdicts = []
    for candidate in candidates:
        others = [c for c in measured if c != candidate]
        rival = max(others, key=lambda c: comparisons[c].score.mean, default=None)
        comparison = comparisons.get(candidate)
        against = measured[comparison.gap.rival] if comparison and comparison.gap else None
        evidence = Evidence(
            candidate=candidate,
            blocked=blocked.get(candidate),
            failure=failures.get(candidate),
            measurements=tuple(by_candidate[candidate]),
            comparison=comparison,
            rival=str(rival) if rival else None,
            against=against,
            against_measurements=tuple(by_candidate[against]) if against else (),
            labelled=labelled,
            unfinished=_unfinished(
                candidate, measurements, [c for c in others if c not in dropped], comparisons, data, metric, tolerance
            ),
            unmeasured=sum(c not in blocked and not by_candidate[c] for c in candidates if c != candidate),
            rows=rows,
            test_rows=len(data.test),
            tolerance=tolerance,
            target=target,
        )
        verdicts.append(strategies[candidate.strategy].confirm(evidence))
    return verdicts


def _unfinished(
    candidate: Candidate,
    measurements: list[Measurement],
    rivals: list[Candidate],
    comparisons: dict[Candidate, Comparison],
    data: TaskData,
    metric: Metric,
    tolerance: float,
) -> tuple[Unfinished, ...]:
    """Return the rivals that learned from fewer rows and may lie ahead by more than the tolerance with as many."""
    own = _at_most_rows(measurements, candidate)
    if not own:
        return ()
    rows, found = own[0].train_rows, []
    for rival in rivals:
        theirs = _at_most_rows(measurements, rival)
        if theirs[0].train_rows >= rows or mechanism_of(theirs[0].recipe.method) is None:
            continue
        every = [m for m in measurements if (m.strategy, m.model) == (rival.strategy, rival.model)]
        [there] = predicted(every, [rows], data.test.labels, metric, PASSING)
        if there.high is None or there.high > comparisons[candidate].score.mean + tolerance:
            found.append(
                Unfinished(
                    candidate=rival, measurements=tuple(theirs), rows=rows, most=there.high, why_not=there.why_not
                )
            )
    return tuple(found)


def _at_most_rows(measurements: list[Measurement], candidate: Candidate) -> list[Measurement]:
    """Return a candidate's measurements at the most rows it was measured at, one a seed."""
    own = [m for m in measurements if (m.strategy, m.model) == (candidate.strategy, candidate.model)]
    most = max((m.train_rows for m in own), default=0)
    return [m for m in own if m.train_rows == most]


def _compare(
    measured: list[Candidate],
    by_candidate: dict[Candidate, list[Measurement]],
    seeded: list[bool],
    data: TaskData,
    metric: Metric,
    tolerance: float,
) -> dict[Candidate, Comparison]:
    if not measured:
        return {}
    import numpy as np

    predictions = [[np.array(m.predictions, dtype=np.int64) for m in by_candidate[c]] for c in measured]
    labels = np.array(data.test.labels, dtype=np.int64)
    return dict(zip(measured, compare(metric, labels, predictions, tolerance, seeded=seeded), strict=True))


def recommend(
    verdicts: list[Verdict],
    measurements: list[Measurement],
    tolerance: float,
    metric: Metric,
    dropped: Container[Candidate] = (),
) -> Recommendation | None:
    """Choose the lightest confirmed candidate; where none is, an undecided one by its score, named as such.

    Of the undecided, it is the lightest whose score lies within the tolerance of the best: what is probably as good.
    One that lies behind and is merely not ruled out would be recommended all the more often, the less was measured.

    Parameters
    ----------
    verdicts : list of Verdict
        Lightest candidate first.
    measurements : list of Measurement
    tolerance : float
    metric : {'accuracy', 'macro_f1'}
    dropped : container of Candidate
        Those that validation rows showed to lie behind.

    Returns
    -------
    Recommendation or None
        None where nothing was measured, or all that was measured is refuted or far behind.
    """
    undecided = [v for v in verdicts if v.verdict is Outcome.UNDECIDED and _candidate(v) not in dropped]
    # One that is behind for want of a fair chance is not refuted, and no recommendation either.
    possible = [v for v in undecided if v.delta is not None and v.delta.high >= -tolerance]
    chosen = next((v for v in verdicts if v.verdict is Outcome.CONFIRMED), None)
    if chosen is None:
        near = (v for v in possible if _near(v, tolerance))
        chosen = next(near, max(possible, key=lambda v: v.delta.mean if v.delta else 0.0, default=None))
    if chosen is None or chosen.score is None:
        return None
    own = _at_most_rows(measurements, _candidate(chosen))
    points = f"{100 * tolerance:g} point{'' if tolerance == 0.01 else 's'}"
    shown = chosen.because[:1].upper() + chosen.because[1:]
    if chosen.verdict is Outcome.CONFIRMED:
        because = f"It is the lightest candidate shown to be at most {points} below the best. {shown}"
    else:
        if _near(chosen, tolerance):
            place = f"it is the lightest that scored within {points} of the best"
        else:
            place = f"of those that may be within {points} of the best it scored highest"
        because = f"No candidate was confirmed; {place}. {shown}"
        if lighter := [_name(v) for v in possible[: possible.index(chosen)]]:
            because += f" Lighter and not ruled out: {', '.join(lighter)}."
    if pending := [_name(v) for v in verdicts if not v.fair and v is not chosen]:
        because += f" No fair chance yet, see their verdicts: {', '.join(pending)}."
    return Recommendation(
        strategy=chosen.strategy,
        model=chosen.model,
        metric=metric,
        score=chosen.score,
        verdict=chosen.verdict,
        because=because,
        recipe=own[0].recipe,
        train_rows=own[0].train_rows,
        seconds=sum(m.seconds for m in own),
        transfer=worth_of_transfer(verdicts),
        settle=chosen.settle,
        tried=len(own[0].trials),
        runners_up=tuple(
            RunnerUp(strategy=v.strategy, model=v.model, verdict=v.verdict, score=v.score)
            for v in verdicts
            if v is not chosen
        ),
    )


def _near(verdict: Verdict, tolerance: float) -> bool:
    """Whether it scored within the tolerance of the best; rounded, so that a lead of just the tolerance counts."""
    return verdict.delta is not None and round(verdict.delta.mean + tolerance, 9) >= 0


def worth_of_transfer(verdicts: list[Verdict]) -> str:
    """Say whether transferring anything is worth it here: the baseline's verdict, read the other way round."""
    baseline = next((v for v in verdicts if v.strategy == "baseline"), None)
    transfers = [v for v in verdicts if v.strategy != "baseline" and v.score is not None]
    if baseline is None or baseline.score is None or not transfers:
        return "Whether transfer is worth it was not measured: it takes the baseline and at least one transfer."
    best = max(transfers, key=lambda v: v.score.mean if v.score else 0.0)
    lift = 100 * (best.score.mean - baseline.score.mean) if best.score else 0.0
    numbers = f"{best.strategy} scores {lift:+.1f} points against TF-IDF's {baseline.score.mean:.3f}"
    if baseline.verdict is Outcome.CONFIRMED:
        tried = ", ".join(dict.fromkeys(v.strategy for v in transfers))
        if pending := [_name(v) for v in verdicts if not v.fair and v.strategy != "baseline"]:
            return (
                f"Transfer is not shown to be worth it: {numbers}, and the baseline is confirmed against {tried}, but "
                f"{' and '.join(pending)} had no fair chance."
            )
        return f"Transfer is not worth it here, tried with {tried}: {numbers}, and the baseline is confirmed."
    if baseline.verdict is Outcome.REFUTED and lift > 0:
        return f"Transfer is worth it here: {numbers}, and the baseline is refuted."
    if baseline.verdict is Outcome.REFUTED:
        return f"Nothing reaches the target here, with transfer or without: {numbers}."
    return f"Whether transfer is worth it is undecided: {numbers}."


def _candidate(verdict: Verdict) -> Candidate:
    return Candidate(strategy=verdict.strategy, model=verdict.model)


def _name(verdict: Verdict) -> str:
    return str(_candidate(verdict))
