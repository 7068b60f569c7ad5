"""Advice: every strategy ranked, with the reasons, what is not known and what would flip it; from facts alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from pydantic import ConfigDict, Field

from advisor.rules.base import Strength
from probes.base import Frozen


class Reason(Frozen):
    """What one rule did to one strategy, and why."""

    rule: str
    """Id of the rule."""
    title: str
    """The rule in one line."""
    effect: float | Literal["block"]
    """Nats added to the strategy's log-odds (above 0 speaks for it, below 0 against it), or the word "block"."""
    because: str
    """The reason with the user's numbers."""
    source: str
    """Where the rule comes from."""
    strength: Strength
    """How good the rule's evidence is: W weak, M medium, S strong."""
    origin: str = "advisor"
    """Where the rule was read from: "advisor", or the file of a team's own rules."""


class StrategyAdvice(Frozen):
    """How one strategy stands."""

    strategy: str
    odds: float
    """Odds p / (1 − p) that measuring would bear the strategy out, each strategy by itself; 0 when blocked."""
    probability: float
    """The same as a probability p; those of different strategies don't add up to 1."""
    low: float
    """The probability when facts not known, of those that can be asked, turn out against it as far as they are likely
    to: below its log-odds by the root of the sum of squares of what each of them, alone, would take from it at the
    worst of its usual values."""
    high: float
    """The same when they turn out in its favour; of what is blocked, the most that one of them alone would give it."""
    blocked: bool
    """Whether some fact rules the strategy out."""
    reasons: tuple[Reason, ...]
    """Blocks first, then by size of the effect. Unblocked, the effects add up to the log of `odds`."""


class Unknown(Frozen):
    """A fact that is not known and matters."""

    fact: str
    """Its name, as `--set` takes it."""
    question: str
    """What to find out."""
    winners: dict[str, str]
    """The strategy that would come first for each value tried that puts another one there."""
    spread: float
    """Points of probability between the best and the worst that its values do to the strategy now in first place."""
    sentence: str
    """What not knowing it costs."""


class Flip(Frozen):
    """A change that would put another strategy first."""

    model_config = ConfigDict(validate_by_name=True, validate_by_alias=True, serialize_by_alias=True)

    change: dict[str, Any]
    """What would have to be different: fact → value, as `--set` takes it."""
    from_: str = Field(alias="from")
    """The strategy that comes first now."""
    to: str
    """The strategy that would come first then."""
    sentence: str
    """Both in one sentence."""


class Advice(Frozen):
    """Every strategy ranked for one model, from facts alone."""

    model: str | None
    """What the user called the model; None without one."""
    train_rows: int | None
    """Training rows the rules reckoned with; None when not known."""
    advice: tuple[StrategyAdvice, ...]
    """Best first, blocked ones last."""
    notes: tuple[str, ...] = ()
    """What was assumed because nobody said it, and what to know whatever is chosen."""
    unknowns: tuple[Unknown, ...] = ()
    """Facts that are not known and matter, those that may change the first place before others."""
    flips: tuple[Flip, ...] = ()
    """What would put another strategy first; filled in by `advisor.flips.with_flips`."""

    @property
    def first(self) -> StrategyAdvice | None:
        """The strategy in first place, None when all are blocked."""
        return self.advice[0] if self.advice and not self.advice[0].blocked else None


class AdviceDocument(Advice):
    """What `advisor recommend --json` prints: the advice of the first model, and that of every model."""

    models: tuple[Advice, ...]
    """The advice of every model, in the order given; one entry where none was given."""

    @classmethod
    def of(cls, advised: Sequence[Advice]) -> AdviceDocument:
        """Make the document: one model is the usual case, and its advice the document itself."""
        return cls(**dict(advised[0]), models=tuple(advised))
