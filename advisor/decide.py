"""From verdicts to the recommendation."""

from __future__ import annotations

from collections.abc import Container, Sequence

from advisor.judging import at_most_rows
from probes.base import Frozen
from probes.measurement import Measurement, Metric
from probes.recipe import Recipe
from probes.statistics import Interval
from strategies import Candidate, Outcome, Verdict


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
    """Score on the test rows with its two-sided 95 % interval, at the rows it learned from."""
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

    @property
    def candidate(self) -> Candidate:
        """Strategy and model by name."""
        return Candidate(strategy=self.strategy, model=self.model)


def recommend(
    verdicts: list[Verdict],
    measurements: list[Measurement],
    tolerance: float,
    metric: Metric,
    dropped: Container[Candidate] = (),
) -> Recommendation | None:
    """Choose the lightest confirmed candidate; where none is, the undecided one of which most is expected, so named.

    Of the undecided, it is the lightest that is expected within the tolerance of the best with all training rows: by
    its score where it learned from all of them, else by its learning curve. Scores alone would favour those cheap
    enough to learn from more rows (`benchmarks.curve_passing.regrets`). And one that lies behind and is merely not
    ruled out would be recommended all the more often, the less was measured.

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
    standing = {v: _standing(v, dropped) for v in verdicts}
    best = max(standing.values(), default=0.0)
    # Rounded, so that a lead of just the tolerance counts.
    near = [v for v in undecided if round(standing[v] - best + tolerance, 9) >= 0]
    # One behind for want of a fair chance is not refuted, and no recommendation either unless it is expected near.
    possible = [v for v in undecided if v in near or (v.delta is not None and v.delta.high >= -tolerance)]
    chosen = next((v for v in verdicts if v.verdict is Outcome.CONFIRMED), None)
    if chosen is None:
        chosen = near[0] if near else max(possible, key=standing.__getitem__, default=None)
    if chosen is None or chosen.score is None:
        return None
    points = f"{100 * tolerance:g} point{'' if tolerance == 0.01 else 's'}"
    shown = chosen.because[:1].upper() + chosen.because[1:]
    alone = all(v.score is None for v in verdicts if v is not chosen)
    if chosen.verdict is Outcome.CONFIRMED:
        because = (
            f"It is the only candidate that was measured. {shown}"
            if alone
            else f"It is the lightest candidate shown to be at most {points} below the best. {shown}"
        )
    else:
        if chosen not in near:
            place = f"of those that may be within {points} of the best it is expected highest"
        elif alone:
            place = "it is the only candidate that was measured"
        elif any(v.expected is not None for v in near):
            place = f"with all training rows it is the lightest expected within {points} of the best"
        else:
            place = f"it is the lightest that scored within {points} of the best"
        because = f"No candidate was confirmed; {place}. {shown}"
        if lighter := [_name(v) for v in possible[: possible.index(chosen)]]:
            because += f" Lighter and not ruled out: {', '.join(lighter)}."
    # The reason of a confirmed one names those that were not measured itself.
    named = chosen.verdict is Outcome.CONFIRMED
    if pending := [_name(v) for v in verdicts if not v.fair and v is not chosen and not (named and v.score is None)]:
        because += f" No fair chance yet, see their verdicts: {', '.join(pending)}."
    return described(chosen, because, verdicts, measurements, metric)


def described(
    chosen: Verdict,
    because: str,
    verdicts: Sequence[Verdict],
    measurements: Sequence[Measurement],
    metric: Metric,
) -> Recommendation:
    """Return what is handed over of a candidate that was measured: its recipe, what it cost, and the others.

    Parameters
    ----------
    chosen : Verdict
        One with a score.
    because : str
        Why this one.
    verdicts : sequence of Verdict
        Of all candidates, its own among them.
    measurements : sequence of Measurement
    metric : {'accuracy', 'macro_f1'}
    """
    own = at_most_rows(measurements, _candidate(chosen))
    if chosen.score is None or not own:
        raise ValueError(f"{_name(chosen)} was not measured")
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


def _standing(verdict: Verdict, dropped: Container[Candidate]) -> float:
    """Return the score expected with all rows: as measured where it had them, nothing tells, or it was dropped.

    Of one that was dropped validation rows told more than its curve does.
    """
    if verdict.expected is not None and _candidate(verdict) not in dropped:
        return verdict.expected
    return verdict.score.mean if verdict.score else 0.0


def worth_of_transfer(verdicts: Sequence[Verdict]) -> str:
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
