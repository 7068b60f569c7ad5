"""An advice told as a waterfall: for each strategy, from its prior over every reason to where it stands."""

from __future__ import annotations

from collections.abc import Sequence

from advisor.advice import Advice, Reason
from advisor.engine import probability
from advisor.rules.start import lightest_first
from probes.base import Frozen


class Step(Reason):
    """One reason, and where the strategy stands after it."""

    log_odds: float | None
    """Sum of the effects so far, in nats; null from the first block on."""
    probability: float
    """The same as a probability; 0 from the first block on."""


class Waterfall(Frozen):
    """How one strategy comes to stand where it does."""

    strategy: str
    probability: float
    """Where it ends: the probability that measuring would bear it out."""
    low: float
    """The probability when facts not known turn out against it, as far as they are likely to."""
    high: float
    """The same when they turn out in its favour."""
    blocked: bool
    """Whether some fact rules it out."""
    steps: tuple[Step, ...]
    """The prior, then the other reasons by size of their effect, blocks last."""


class Explained(Frozen):
    """The waterfalls of one model's advice."""

    model: str | None
    """What the user called the model; None without one."""
    train_rows: int | None
    """Training rows the rules reckoned with; None when not known."""
    strategies: tuple[Waterfall, ...]
    """Best first, blocked ones last."""
    notes: tuple[str, ...] = ()
    """What was assumed because nobody said it."""


class Explanation(Frozen):
    """What `advisor explain --json` prints."""

    models: tuple[Explained, ...]
    """One entry a model."""


def explain(advice: Advice, strategies: Sequence[str] | None = None, notes: Sequence[str] = ()) -> Explained:
    """Tell an advice as waterfalls.

    Parameters
    ----------
    advice : Advice
    strategies : sequence of str, optional
        Only these; None takes all.
    notes : sequence of str
        What was assumed because nobody said it, as `advisor.assumptions.assumed` returns it.

    Examples
    --------
    >>> from advisor.engine import advise
    >>> from advisor.facts import Facts
    >>> told = explain(advise(Facts(), ("baseline",)))
    >>> [(step.rule, step.log_odds, step.probability) for step in told.strategies[0].steps][:1]
    [('lightest-first', 0.5, 0.6225)]
    """
    return Explained(
        model=advice.model,
        train_rows=advice.train_rows,
        strategies=tuple(
            Waterfall(
                strategy=entry.strategy,
                probability=entry.probability,
                low=entry.low,
                high=entry.high,
                blocked=entry.blocked,
                steps=_steps(entry.reasons),
            )
            for entry in advice.advice
            if strategies is None or entry.strategy in strategies
        ),
        notes=tuple(notes),
    )


def _steps(reasons: Sequence[Reason]) -> tuple[Step, ...]:
    steps: list[Step] = []
    total: float | None = 0.0
    # Python sorts stably: within each of the three groups they stay as the advice has them, largest effect first.
    for reason in sorted(reasons, key=lambda r: (r.effect == "block", r.rule != lightest_first.id)):
        if reason.effect == "block":
            total = None
        elif total is not None:
            total = round(total + reason.effect, 6)
        chance = 0.0 if total is None else probability(total)
        steps.append(Step(**reason.model_dump(), log_odds=total, probability=chance))
    return tuple(steps)
