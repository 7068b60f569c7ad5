"""The engine: facts and rules make advice. Pure: the same facts always give the same advice."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

from advisor.facts import Facts
from advisor.rules import RULES, Effect, Rule
from advisor.rules.base import Strength
from advisor.rules.cautions import cautions
from advisor.rules.start import PRIOR
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


class StrategyAdvice(Frozen):
    """How one strategy stands."""

    strategy: str
    odds: float
    """Odds p / (1 − p) that measuring would bear the strategy out, each strategy by itself; 0 when blocked."""
    probability: float
    """The same as a probability p; those of different strategies don't add up to 1."""
    blocked: bool
    """Whether some fact rules the strategy out."""
    reasons: tuple[Reason, ...]
    """Blocks first, then by size of the effect. Unblocked, the effects add up to the log of `odds`."""


class Flip(Frozen):
    """A change that would put another strategy first."""

    change: str
    """What would have to be different."""
    strategy: str
    """The strategy that would come first then."""
    sentence: str
    """Both in one sentence."""


class Advice(Frozen):
    """Every strategy ranked for one model, from facts alone."""

    model: str | None
    """What the user called the model; None without one."""
    train_rows: int
    """Training rows the rules reckoned with."""
    advice: tuple[StrategyAdvice, ...]
    """Best first, blocked ones last."""
    notes: tuple[str, ...] = ()
    """What to know whatever is chosen."""
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


def advise(facts: Facts, strategies: Sequence[str], rules: Sequence[Rule] = RULES) -> Advice:
    """Rank strategies by what the rules say about the facts.

    Parameters
    ----------
    facts : Facts
        Brief, profile, one model and the hardware.
    strategies : sequence of str
        Names of the strategies to rank.
    rules : sequence of Rule, default all of them
        Each is asked once; log-odds add up, a block is absolute.

    Returns
    -------
    Advice
        Equal odds are ordered lightest first.

    Raises
    ------
    ValueError
        When a strategy has no place in the prior order.
    """
    if unknown := [name for name in strategies if name not in PRIOR]:
        raise ValueError(f"no prior for {', '.join(unknown)}; strategies with one: {', '.join(PRIOR)}")
    said: dict[str, list[tuple[Rule, Effect]]] = {name: [] for name in sorted(strategies, key=list(PRIOR).index)}
    for rule in rules:
        for effect in rule.ask(facts) or ():
            if effect.strategy in said:
                said[effect.strategy].append((rule, effect))
    ranked = sorted(said, key=lambda name: _merit(said[name]), reverse=True)
    return Advice(
        model=None if facts.model is None else facts.model.name,
        train_rows=facts.train_rows,
        advice=tuple(_stand(name, said[name]) for name in ranked),
        notes=cautions(facts),
    )


def _log_odds(said: list[tuple[Rule, Effect]]) -> float:
    """Add up the effects, rounded so that equal sums compare equal whatever their order."""
    return round(math.fsum(effect.log_odds for _, effect in said), 9)


def _blocked(said: list[tuple[Rule, Effect]]) -> bool:
    return any(effect.kind == "block" for _, effect in said)


def _merit(said: list[tuple[Rule, Effect]]) -> tuple[bool, float]:
    return not _blocked(said), _log_odds(said)


def _stand(strategy: str, said: list[tuple[Rule, Effect]]) -> StrategyAdvice:
    """Make one strategy's entry of the advice."""
    blocked = _blocked(said)
    odds = 0.0 if blocked else math.exp(_log_odds(said))
    ordered = sorted(said, key=lambda pair: (pair[1].kind != "block", -abs(pair[1].log_odds)))
    return StrategyAdvice(
        strategy=strategy,
        odds=round(odds, 4),
        probability=round(odds / (1 + odds), 4),
        blocked=blocked,
        reasons=tuple(_reason(rule, effect) for rule, effect in ordered),
    )


def _reason(rule: Rule, effect: Effect) -> Reason:
    return Reason(
        rule=rule.id,
        title=rule.title,
        effect="block" if effect.kind == "block" else effect.log_odds,
        because=effect.because,
        source=rule.source,
        strength=rule.strength,
    )
