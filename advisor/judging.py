"""From measurements to verdicts."""

from __future__ import annotations

import functools
from collections.abc import Callable, Container, Sequence

from advisor.curves import measured_by, predicted
from advisor.plan import search_rows
from probes.comparison import Comparison, compare
from probes.curve_prior import mechanism_of
from probes.data import TaskData
from probes.learning_curve import Prediction
from probes.measurement import Measurement, Metric
from strategies import Candidate, Evidence, Strategy, Unfinished, Unreached, Verdict
from strategies.settling import listed

PASSING = 0.9
"""Level of the two-sided interval whose upper end a rival does not exceed in 95 % of cases."""


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
    unreached: Sequence[Unreached] = (),
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
        Facts that rule candidates out, and what went wrong with others, which were not measured, or not at more rows:
        neither keeps anybody from being confirmed.
    metric : {'accuracy', 'macro_f1'}
    tolerance : float
        On the scale of the score.
    target : float or None
    rows : int
        Training rows the verdict is about.
    unreached : sequence of Unreached
        Those that were not measured for want of time: they keep the others from being confirmed.
    dropped : container of Candidate
        Those that validation rows showed to lie behind, at all rows too.

    Returns
    -------
    list of Verdict
        In the order of the candidates.

    Raises
    ------
    ValueError
        If a candidate was not measured, and nothing says why.
    """
    by_candidate = {c: at_most_rows(measurements, c) for c in candidates}
    measured = [c for c in candidates if by_candidate[c]]
    # Where a verdict is about fewer rows than there are, each seed draws its own.
    seeded = [strategies[c.strategy].varies(drawn=rows < len(data.train)) for c in measured]
    comparisons = _compare(measured, by_candidate, seeded, data, metric, tolerance)
    labelled = sum(len(part.labels) for part in (data.train, data.validation, data.test))
    out_of_time = {one.candidate: one for one in unreached}
    if lost := [c for c in candidates if not (by_candidate[c] or c in blocked or c in failures or c in out_of_time)]:
        raise ValueError(f"it is not known why {listed(list(map(str, lost)))} was not measured")
    unmeasurable = [c for c in candidates if c in failures and c not in blocked and not by_candidate[c]]
    verdicts = []
    every = measured_by(measurements)

    @functools.cache
    def with_all(candidate: Candidate) -> Prediction:
        others = [own for other, own in every.items() if other != candidate]
        [there] = predicted(every[candidate], [rows], data.test.labels, metric, PASSING, others)
        return there

    for candidate in candidates:
        own, others = by_candidate[candidate], [c for c in measured if c != candidate]
        rival = max(others, key=lambda c: comparisons[c].score.mean, default=None)
        comparison = comparisons.get(candidate)
        against = measured[comparison.rival] if comparison and comparison.rival is not None else None
        if comparison and comparison.gap and against in dropped:
            gap = comparison.gap.model_copy(update={"rival_is_open": False})
            comparison = comparison.model_copy(update={"gap": gap})
        # Nothing is to be had with all rows from one that failed with more than it learned from, nor from a prompt.
        short = bool(own) and own[0].train_rows < rows and candidate not in failures and _learns(own)
        expected = with_all(candidate).value if short else None
        evidence = Evidence(
            candidate=candidate,
            blocked=blocked.get(candidate),
            failure=out_of_time[candidate].because if candidate in out_of_time else failures.get(candidate),
            measurements=tuple(own),
            comparison=comparison,
            rival=str(rival) if rival else None,
            against=against,
            against_measurements=tuple(by_candidate[against]) if against else (),
            labelled=labelled,
            short=short,
            expected=expected,
            unfinished=_unfinished(
                rows,
                # Where nothing tells what it has with all rows, it has what it has now.
                tolerance + (comparison.score.mean if expected is None else expected),
                {c: by_candidate[c] for c in others if c not in dropped and c not in failures},
                with_all,
            )
            if comparison
            else (),
            unreached=tuple(one for c, one in out_of_time.items() if c != candidate),
            failed=tuple(c for c in candidates if c != candidate and c in unmeasurable),
            failed_higher=tuple(c for c in others if c in failures),
            rows=rows,
            search_rows=search_rows(rows, len(data.classes)),
            test_rows=len(data.test),
            tolerance=tolerance,
            target=target,
        )
        verdicts.append(strategies[candidate.strategy].confirm(evidence))
    return verdicts


def _unfinished(
    rows: int,
    score: float,
    rivals: dict[Candidate, list[Measurement]],
    with_all: Callable[[Candidate], Prediction],
) -> tuple[Unfinished, ...]:
    """Return the rivals that learned from fewer rows than these and may score more than this with all of them."""
    found = []
    for rival, most in rivals.items():
        if most[0].train_rows >= rows or not _learns(most):
            continue
        there = with_all(rival)
        if there.high is None or there.high > score:
            found.append(
                Unfinished(candidate=rival, measurements=tuple(most), rows=rows, most=there.high, why_not=there.why_not)
            )
    return tuple(found)


def _learns(runs: list[Measurement]) -> bool:
    """Whether more training rows change the score: those of a prompt do not."""
    return mechanism_of(runs[0].recipe.method) is not None


def at_most_rows(measurements: Sequence[Measurement], candidate: Candidate) -> list[Measurement]:
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
