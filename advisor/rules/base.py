"""What a rule is: a plain function of the facts with metadata, and the effects it may have on strategies."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from advisor.facts import Facts
from probes.base import Frozen

Strength = Literal["W", "M", "S"]
Weight = Literal["+S", "+M", "+W", "-W", "-M", "-S", "block"]

LOG_ODDS: dict[Strength, float] = {"W": 0.4, "M": 0.9, "S": 1.6}
"""Nats that weak, medium and strong evidence adds or takes: it multiplies the odds by about 1.5, 2.5 and 5."""


class Effect(Frozen):
    """What one rule does to one strategy."""

    strategy: str
    kind: Literal["block", "log_odds"]
    """A block is absolute; log-odds add up."""
    log_odds: float = 0.0
    """Nats for (above 0) or against (below 0) the strategy; 0 for a block."""
    because: str
    """One sentence with the user's numbers."""


Effects = tuple[Effect, ...]
Ask = Callable[[Facts], Effects | None]


@dataclass(frozen=True, slots=True)
class Rule:
    """A function of the facts, and what to tell the user about it.

    Attributes
    ----------
    id : str
        Slug that users and tests refer to; never changes its meaning.
    strength : {'W', 'M', 'S'}
        How good the evidence is; no effect of the rule is larger.
    source : str
        Where the rule comes from: paper and table, or "common practice"; says so where only an abstract was read.
    touches : tuple of str
        Strategies the rule can have an effect on.
    ask : callable
        Takes `Facts`; returns effects, or None where the rule does not apply. Its docstring documents the rule.
    """

    id: str
    strength: Strength
    source: str
    touches: tuple[str, ...]
    ask: Ask

    @property
    def title(self) -> str:
        """First line of the documentation."""
        return self.docs.partition("\n")[0].rstrip(".")

    @property
    def docs(self) -> str:
        """The rule's documentation."""
        return inspect.getdoc(self.ask) or ""

    @property
    def family(self) -> str:
        """The file the rule stands in."""
        return self.ask.__module__.rpartition(".")[2]


def rule(id: str, strength: Strength, source: str, touches: tuple[str, ...]) -> Callable[[Ask], Rule]:  # noqa: A002
    """Make a rule of the function below; see `Rule` for the parameters."""

    def make(ask: Ask) -> Rule:
        return Rule(id=id, strength=strength, source=source, touches=touches, ask=ask)

    return make


def push(because: str, **weights: Weight) -> Effects:
    """Give several strategies their effects for one reason.

    Parameters
    ----------
    because : str
        The sentence with the user's numbers.
    **weights : {'+S', '+M', '+W', '-W', '-M', '-S', 'block'}
        Effect by strategy: for or against, and how strongly.

    Examples
    --------
    >>> [(effect.strategy, effect.log_odds) for effect in push("…", lora="+M", full="-W")]
    [('lora', 0.9), ('full', -0.4)]
    """
    return tuple(_effect(strategy, weight, because) for strategy, weight in weights.items())


def _effect(strategy: str, weight: Weight, because: str) -> Effect:
    if weight == "block":
        return Effect(strategy=strategy, kind="block", because=because)
    sizes: dict[str, float] = {"W": LOG_ODDS["W"], "M": LOG_ODDS["M"], "S": LOG_ODDS["S"]}
    sign = 1 if weight[0] == "+" else -1
    return Effect(strategy=strategy, kind="log_odds", log_odds=sign * sizes[weight[1]], because=because)


def count(number: float, noun: str) -> str:
    """Write a count with its noun.

    Examples
    --------
    >>> count(1200, "training row"), count(1, "class"), count(2.5, "row"), count(12.6, "row")
    ('1,200 training rows', '1 class', '2.5 rows', '13 rows')
    """
    shown = f"{number:,.0f}" if number >= 10 or number == int(number) else f"{number:.1f}"
    plural = noun + ("es" if noun.endswith("s") else "s")
    return f"{shown} {noun if number == 1 else plural}"


def gigabytes(size: float) -> str:
    """Write bytes in GB of 10⁹, or in MB when small.

    Examples
    --------
    >>> gigabytes(16e9), gigabytes(3.63e8)
    ('16.0 GB', '363 MB')
    """
    return f"{size / 1e9:,.1f} GB" if size >= 1e9 else f"{size / 1e6:,.0f} MB"
