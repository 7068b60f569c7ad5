"""The state of a candidate on the ladder: what was measured of it, whether it goes on, and who is dropped."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import NormalDist

from advisor.beliefs import LEVEL, Belief, expected, surely_behind
from probes.measurement import Measurement, Metric
from probes.model import ModelFacts
from probes.recipe import Tuning
from strategies import Candidate, Strategy

NOTHING_KNOWN = 0.5
"""Score by which one is steered whose validation rows said nothing: runs of earlier versions kept none of them."""


@dataclass(frozen=True)
class Rung:
    """One candidate on the ladder."""

    strategy: Strategy
    model: ModelFacts | None

    @property
    def candidate(self) -> Candidate:
        """Strategy and model by name."""
        return Candidate(strategy=self.strategy.name, model=self.model.name if self.model else None)

    @property
    def cost_key(self) -> tuple[str, str]:
        """What an estimate of seconds is true or false about: a mechanism, on a model."""
        return self.strategy.method, self.model.name if self.model else ""


@dataclass(frozen=True)
class Seen:
    """What steering knows of one measurement: nothing of the test rows."""

    score: float
    """Score on the validation rows, between 0 and 1."""
    guesses: tuple[int, ...] = ()
    """Predicted class of each validation row; empty where a plan only supposes it."""


@dataclass
class Arm:
    """A candidate in the race.

    Parameters
    ----------
    rung : Rung
    weight : int
        Place by lightness, the lightest first.
    drawn : bool
        Whether it may learn from a part of the training rows at most, of which each seed draws its own.
    """

    rung: Rung
    weight: int
    drawn: bool = False
    seen: dict[int, dict[int, Seen]] = field(default_factory=dict)
    """By train rows, by seed."""
    searched_at: int | None = None
    """Training rows of the search that chose its recipe; None where none was made."""
    dropped: str | None = None
    """Why it gets no more steps: it lies behind for sure."""
    fair: bool = True
    """Whether its last run converged, with a learning rate that was searched where it takes one."""
    stopped: bool = False
    """Whether its last step failed; another one would too."""
    out_of_time: bool = False
    """Whether it waits for time that is not left."""

    @property
    def racing(self) -> bool:
        """Whether more steps are open to it."""
        return self.dropped is None and not self.stopped and not self.out_of_time

    @property
    def seeded(self) -> bool:
        """Whether another seed gives another result."""
        return self.rung.strategy.varies(drawn=self.drawn)

    @property
    def top(self) -> int:
        """Most training rows it was measured at; 0 before it was measured."""
        return max(self.seen, default=0)

    @property
    def seeds(self) -> int:
        """The next seed at the most rows."""
        return max(self.seen[self.top], default=-1) + 1 if self.seen else 0

    @property
    def score(self) -> float:
        """Mean over seeds of its validation score at the most rows."""
        found = self.seen[self.top].values()
        return sum(one.score for one in found) / len(found)

    def belief(self, full: int, validation_rows: int) -> Belief:
        """Return what its score at all rows is expected to be; only for one that was measured."""
        seeds = len(self.seen[self.top])
        return expected(self.score, self.top, full, seeds, validation_rows, seeded=self.seeded)

    def see(self, measurement: Measurement, labels: Sequence[int]) -> None:
        """Take a measurement in."""
        import numpy as np

        from probes.statistics import score

        guesses, said = measurement.validation_predictions, measurement.validation_score
        if guesses:
            said = score(measurement.metric, np.array(labels), np.array(guesses))
        seen = Seen(NOTHING_KNOWN if said is None else said, guesses)
        self.seen.setdefault(measurement.train_rows, {})[measurement.seed] = seen
        if measurement.seed == 0:
            self.fair = measurement.converged and not (
                isinstance(measurement.recipe, Tuning) and not measurement.trials
            )
            if measurement.trials:
                self.searched_at = measurement.trials[0].train_rows


def behind(
    arms: Sequence[Arm], going: Sequence[Arm], labels: Sequence[int], metric: Metric, tolerance: float, full: int
) -> list[tuple[Arm, str]]:
    """Return the arms that lie behind for sure, each with the reason; see `_behind_heavier` and `_behind_lighter`.

    Who had no fair chance is not dropped: it may lie behind for want of a search, or of steps.

    Parameters
    ----------
    arms : sequence of Arm
        All of them: the bounds are corrected over their number.
    going : sequence of Arm
        Those that have steps left.
    labels : sequence of int
        Classes of the validation rows.
    metric : {'accuracy', 'macro_f1'}
    tolerance : float
        How much worse is as good, on the scale of the score.
    full : int
        All training rows.
    """
    measured = [arm for arm in arms if arm.seen]
    found = []
    for arm in going:
        if arm.seen and arm.fair:
            rivals = [other for other in measured if other is not arm]
            reason = _behind_heavier(arm, rivals, labels, metric, tolerance, len(arms) - 1) or _behind_lighter(
                arm, rivals, len(labels), full, len(arms) - 1
            )
            if reason is not None:
                found.append((arm, reason))
    return found


def _behind_heavier(
    arm: Arm, rivals: Sequence[Arm], labels: Sequence[int], metric: Metric, tolerance: float, corrected: int
) -> str | None:
    """Compare with the best heavier arm at the same rows, or at fewer, on the same validation rows.

    More rows gain a heavier candidate no less than a lighter one, so one that lies behind here lies behind at all rows.
    """
    own = arm.seen[arm.top].get(0)
    found = [
        (other.seen[rows][0], rows, other)
        for other in rivals
        if other.weight > arm.weight
        for rows in [max((rows for rows in other.seen if rows <= arm.top and 0 in other.seen[rows]), default=0)]
        if rows
    ]
    if own is None or not own.guesses or not found:
        return None
    best, rows, other = max(found, key=lambda one: one[0].score)
    if not best.guesses or best.score <= own.score:
        return None
    seeded = arm.seeded + other.seeded
    behind = surely_behind(metric, labels, own.guesses, best.guesses, tolerance, corrected, seeded=seeded)
    if behind is None:
        return None
    return (
        f"at {arm.top:,} training rows it was {100 * behind:.1f} points below {other.rung.candidate} at {rows:,}, on "
        f"the same {len(labels):,} validation rows (95 %, corrected over {corrected} candidates), and more rows favour "
        "the heavier"
    )


def _behind_lighter(arm: Arm, rivals: Sequence[Arm], validation_rows: int, full: int, corrected: int) -> str | None:
    """Compare the best that may be expected of it at all rows with the least of the best lighter arm."""
    lighter = [(other.belief(full, validation_rows), other) for other in rivals if other.weight < arm.weight]
    if not lighter or not arm.seen[arm.top].get(0, Seen(0.0)).guesses:
        return None
    z = NormalDist().inv_cdf(1 - LEVEL / max(1, corrected))
    least, other = max(((belief.bound(-z), other) for belief, other in lighter), key=lambda one: one[0])
    most = arm.belief(full, validation_rows).bound(z)
    if most >= least:
        return None
    return (
        f"from {arm.top:,} training rows at most {most:.3f} may be expected of it on validation rows with all "
        f"{full:,}, and at least {least:.3f} of {other.rung.candidate}, which is lighter (95 %, corrected over "
        f"{corrected} candidates)"
    )
