"""What every strategy knows: when it applies, which recipes to try, what they cost, and what its verdict says."""

from __future__ import annotations

from enum import StrEnum

from probes.base import Frozen
from probes.comparison import Comparison
from probes.curve_prior import mechanism_of
from probes.hardware import Speed
from probes.measurement import Measurement
from probes.model import ModelFacts
from probes.recipe import Recipe
from probes.statistics import Interval
from strategies.settling import SETTLE_ALONE, listed, settle, settle_longer, settle_rows, settle_target


class Outcome(StrEnum):
    """What a verdict can say."""

    CONFIRMED = "CONFIRMED"
    REFUTED = "REFUTED"
    UNDECIDED = "UNDECIDED"
    NOT_APPLICABLE = "NOT_APPLICABLE"
    NOT_MEASURED = "NOT_MEASURED"


class Candidate(Frozen):
    """A strategy applied to one model."""

    strategy: str
    model: str | None = None
    """Name of the model; None where none takes part."""

    def __str__(self) -> str:
        return self.strategy if self.model is None else f"{self.strategy} on {self.model}"


class Situation(Frozen):
    """What a strategy may look at when it proposes recipes."""

    train_rows: int
    validation_rows: int
    test_rows: int
    classes: int
    max_length: int
    """Tokens to read of each text."""
    characters: float = 60.0
    """Characters of a text on average, both of a pair together; the default is that of a short request."""
    model: ModelFacts | None
    speed: Speed | None = None
    """Measured speed of the model on this machine; None before it was measured."""
    features_cached: bool = False
    """Whether the frozen features of all these rows are at hand from an earlier measurement."""
    seed: int = 0


class Unreached(Frozen):
    """A candidate that applies, and that the budget left no time for."""

    candidate: Candidate
    because: str
    """Why there was none, with what it would have taken."""
    seconds: float | None = None
    """What all training rows take by estimate, its search included; None where that is not known."""


class Unfinished(Frozen):
    """A rival that learned from fewer rows than there are and may lie ahead with all of them."""

    candidate: Candidate
    measurements: tuple[Measurement, ...]
    """Its measurements at the rows it learned from, one a seed."""
    rows: int
    """Training rows there are."""
    most: float | None
    """What by learning curves it does not exceed with all of them, in 95 % of cases; None where nothing tells."""
    why_not: str = ""
    """Why nothing tells."""

    def __str__(self) -> str:
        there = f"may pass it ({self.why_not})" if self.most is None else f"may reach {self.most:.3f} (95 %)"
        learned = self.measurements[0].train_rows
        return f"{self.candidate} learned from {learned:,} rows, and with {self.rows:,} {there}"


class Evidence(Frozen):
    """What a verdict rests on."""

    candidate: Candidate
    blocked: str | None = None
    """The fact that rules the candidate out."""
    failure: str | None = None
    """Why it was not measured, or not at more rows."""
    measurements: tuple[Measurement, ...] = ()
    """Its measurements at one train size, one a seed."""
    comparison: Comparison | None = None
    """It against the best, on the same test rows."""
    rival: str | None = None
    """The strongest other candidate."""
    against: Candidate | None = None
    """The other candidate whose comparison decides: that of `comparison.gap`."""
    against_measurements: tuple[Measurement, ...] = ()
    """Its measurements, one a seed."""
    labelled: int | None = None
    """Rows with a label over all splits; None where it is not known."""
    short: bool = False
    """Whether it learned from fewer rows than there are, and is to be had with all of them."""
    expected: float | None = None
    """Score that learning curves make expected with all rows; None where it is not short, or nothing tells."""
    unfinished: tuple[Unfinished, ...] = ()
    """Rivals that learned from fewer rows than there are and may lie ahead by more than the tolerance with all."""
    unreached: tuple[Unreached, ...] = ()
    """Other candidates that were not measured for want of time."""
    failed: tuple[Candidate, ...] = ()
    """Other candidates that were not measured for another reason, although they apply."""
    failed_higher: tuple[Candidate, ...] = ()
    """Rivals that failed with more rows than they were measured on."""
    rows: int
    """Training rows the user has: the size the verdict is about."""
    search_rows: int
    """Training rows that a search of settings learns from."""
    test_rows: int
    tolerance: float
    """How much worse than the best is as good, on the scale of the score."""
    target: float | None = None
    """Score the user wants at least."""


class Verdict(Frozen):
    """What the measurements say of a candidate, with the numbers behind it."""

    strategy: str
    model: str | None
    verdict: Outcome
    because: str
    """The reason in one or two sentences, with its numbers."""
    score: Interval | None = None
    """Score on the test rows with its two-sided 95 % interval; None where nothing was measured."""
    delta: Interval | None = None
    """Difference to the best candidate with its one-sided, Holm-corrected 95 % bounds."""
    settle: str = ""
    """What would settle it, where it is undecided."""
    expected: float | None = None
    """Score expected with all training rows, by its learning curve and those of others; null where it had all of them,
    failed with more than it learned from, or nothing tells."""
    fair: bool = True
    """Whether it had a fair chance: measured, on all rows, with its search, converged. Else it cannot be refuted."""


class Strategy:
    """A way to adapt a model; the modules beside this one each hold one.

    Attributes
    ----------
    name : str
        What the user types.
    method : str
        The mechanism that measures it: `method` of its recipes.
    needs_model : bool
        Whether a model takes part.
    seeded : bool
        Whether another seed gives another result of the same training rows.
    not_probed : str or None
        Why this version cannot measure it, what that would take, and what to do instead; None where it can.
    """

    name: str
    method: str
    needs_model: bool = True
    seeded: bool = False
    not_probed: str | None = None

    def varies(self, *, drawn: bool) -> bool:
        """Return whether another seed gives another result.

        Parameters
        ----------
        drawn : bool
            Whether it learns from a part of the training rows, of which each seed draws its own.

        Examples
        --------
        >>> from strategies import STRATEGIES
        >>> by_name = {s.name: s for s in STRATEGIES}
        >>> [by_name[name].varies(drawn=True) for name in ("baseline", "zero_shot", "lora")]
        [True, False, True]
        >>> [by_name[name].varies(drawn=False) for name in ("baseline", "zero_shot", "lora")]
        [False, False, True]
        """
        return self.seeded or (drawn and mechanism_of(self.method) is not None)

    def inapplicable(self, model: ModelFacts | None) -> str | None:
        """Return the fact that rules this strategy out for the model, None if it applies."""
        if self.needs_model and model is None:
            return "no model was given"
        return None

    def recipes(self, situation: Situation) -> tuple[Recipe, ...]:
        """Return the recipes to choose from on validation rows."""
        raise NotImplementedError

    def seconds(self, situation: Situation, train_rows: int, search_rows: int, *, searched: bool = True) -> float:
        """Estimate the seconds of one measurement, with its search on `search_rows` or without one."""
        raise NotImplementedError

    def confirm(self, evidence: Evidence) -> Verdict:
        """Judge the candidate by its measurements.

        CONFIRMED when the lower bound of the difference to the best lies above minus the tolerance, the target is met,
        time was left to measure every rival, and none that learned from fewer rows than there are may lie ahead by more
        than the tolerance with all of them; the best of one takes a target. REFUTED when the upper bound lies below it,
        or the target is missed beyond the interval, and only if the runs converged and had all the rows; UNDECIDED
        otherwise, with what would settle it.
        """
        if evidence.blocked is not None:
            return self._verdict(evidence, Outcome.NOT_APPLICABLE, evidence.blocked)
        comparison = evidence.comparison
        if comparison is None:
            return self._verdict(evidence, Outcome.NOT_MEASURED, evidence.failure or "", fair=False)
        numbers = _numbers(evidence, comparison)
        unfair = self.unfair(evidence)
        fair = unfair is None
        if unfair is not None and not comparison.refuted:
            numbers += f" It may do better still: {unfair[0]}."
        missed = evidence.target is not None and comparison.score.high < evidence.target
        met = evidence.target is None or comparison.score.low >= evidence.target
        if comparison.confirmed and met:
            if evidence.unfinished or evidence.unreached:
                # A rival that had fewer rows, or no chance at all, would make it look better than it is.
                numbers += f" But {'; '.join(_in_the_way(evidence))}."
                return self._verdict(evidence, Outcome.UNDECIDED, numbers, _settle_rivals(evidence), fair=fair)
            if evidence.target is not None:
                numbers += f" It meets the target of {evidence.target:.3f}."
            numbers += _not_compared(evidence)
            if evidence.rival is None and evidence.target is None:
                return self._verdict(evidence, Outcome.UNDECIDED, numbers, SETTLE_ALONE, fair=fair)
            return self._verdict(evidence, Outcome.CONFIRMED, numbers, fair=fair)
        if comparison.refuted or missed:
            if unfair is not None:
                because, settle = unfair
                numbers = _numbers(evidence, comparison)
                if missed and not comparison.refuted:
                    numbers += f" The target of {evidence.target:.3f} lies above its interval."
                return self._verdict(
                    evidence, Outcome.UNDECIDED, f"not refuted: {because}: {numbers}", settle, fair=False
                )
            if missed and not comparison.refuted:
                numbers += f" The target of {evidence.target:.3f} lies above its interval."
            return self._verdict(evidence, Outcome.REFUTED, numbers)
        if unfair is not None and (evidence.short or comparison.delta.mean < -evidence.tolerance):
            # More seeds on fewer rows tell nothing of all, and show more clearly at best that it lies behind, which
            # refutes no one without a fair chance.
            return self._verdict(evidence, Outcome.UNDECIDED, numbers, unfair[1], fair=False)
        return self._verdict(evidence, Outcome.UNDECIDED, numbers, _settle(evidence, comparison), fair=fair)

    def unfair(self, evidence: Evidence) -> tuple[str, str] | None:
        """Return why the candidate cannot be refuted yet and what would change that, None if it had a fair chance."""
        learned = min(m.train_rows for m in evidence.measurements)
        if learned < evidence.rows:
            part = f"it learned from {learned:,} of the {evidence.rows:,} training rows"
            if evidence.failure is not None:
                settle = "What went wrong with more rows has to be mended first; `--resume --run RUN` then tries again."
                return f"{part}; with more, {evidence.failure}", settle
            expected = "" if evidence.expected is None else f", and {evidence.expected:.3f} is expected with all"
            return f"{part}{expected}", settle_rows([("it", evidence.measurements)], evidence.rows)
        for measurement in evidence.measurements:
            if not measurement.converged:
                return measurement.why_not, settle_longer(evidence.measurements)
        return None

    @staticmethod
    def _verdict(evidence: Evidence, outcome: Outcome, because: str, settle: str = "", *, fair: bool = True) -> Verdict:
        comparison = evidence.comparison
        return Verdict(
            strategy=evidence.candidate.strategy,
            model=evidence.candidate.model,
            verdict=outcome,
            because=because,
            score=None if comparison is None else comparison.score,
            delta=None if comparison is None else comparison.delta,
            settle=settle,
            expected=evidence.expected,
            fair=fair,
        )


def _numbers(evidence: Evidence, comparison: Comparison) -> str:
    """Return the sentence with the numbers behind a verdict."""
    metric = evidence.measurements[0].metric.replace("_", "-")
    seeds = len(evidence.measurements)
    score, delta, points = comparison.score, comparison.delta, 100 * evidence.tolerance
    text = (
        f"{metric} {score.mean:.3f} [{score.low:.3f}, {score.high:.3f}] on {evidence.test_rows:,} test rows"
        f"{f' over {seeds} seeds' if seeds > 1 else ''}"
    )
    if evidence.rival is None:
        alone = "" if evidence.target is not None else ", so there is nothing to compare it with"
        return f"{text}; nothing else was measured{alone}."
    place = "the best measured" if delta.mean == 0 else f"{-100 * delta.mean:.1f} points below the best"
    if comparison.confirmed:
        bound = f"with 95 % confidence at most {max(0.0, -100 * delta.low):.1f} below (tolerance {points:g})"
    elif comparison.refuted:
        bound = f"with 95 % confidence at least {max(0.0, -100 * delta.high):.1f} below (tolerance {points:g})"
    else:
        bound = (
            f"between {max(0.0, -100 * delta.high):.1f} and {max(0.0, -100 * delta.low):.1f} below at 95 % "
            f"(tolerance {points:g})"
        )
    return f"{text}: {place}, {bound}."


def _in_the_way(evidence: Evidence) -> list[str]:
    """Return what keeps one that is near the best of those measured from being confirmed."""
    found = [str(rival) for rival in evidence.unfinished]
    if evidence.unreached:
        found.append(f"the budget left no time for {listed([str(one.candidate) for one in evidence.unreached])}")
    return found


def _not_compared(evidence: Evidence) -> str:
    """Say whom it was not compared with, or not with all rows, and who stands in nobody's way."""
    parts = [("Not measured", evidence.failed), ("Not measured with all rows", evidence.failed_higher)]
    return "".join(f" {what}: {listed([str(one) for one in who])}." for what, who in parts if who)


def _settle_rivals(evidence: Evidence) -> str:
    """Say what lets those learn from all rows that had fewer, and measures those that found no time."""
    own, short = evidence.measurements, [(str(rival.candidate), rival.measurements) for rival in evidence.unfinished]
    if short and evidence.short:
        short.insert(0, ("it", own))
    missing = [(str(one.candidate), one.seconds) for one in evidence.unreached]
    return settle_rows(short, evidence.rows, missing)


def _settle(evidence: Evidence, comparison: Comparison) -> str:
    """Say what would settle an undecided verdict."""
    if evidence.target is not None and (comparison.confirmed or comparison.gap is None):
        return settle_target(
            comparison,
            evidence.measurements,
            target=evidence.target,
            test_rows=evidence.test_rows,
            labelled=evidence.labelled,
        )
    if comparison.gap is None:
        return ""
    return settle(
        comparison.gap,
        evidence.measurements,
        evidence.against_measurements,
        name=str(evidence.against or evidence.rival),
        labelled=evidence.labelled,
    )
