"""What a rule is: a plain function of the facts with metadata, and the effects it may have on strategies."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from advisor.facts import Facts

Strength = Literal["W", "M", "S"]
Weight = Literal["+S", "+M", "+W", "note", "-W", "-M", "-S", "block"]

LOG_ODDS: dict[Strength, float] = {"W": 0.4, "M": 0.9, "S": 1.6}
"""Nats that weak, medium and strong evidence adds or takes: it multiplies the odds by about 1.5, 2.5 and 5."""

BLOCK = -math.inf
"""The weight of a block: absolute, whatever else speaks for the strategy."""

_NATS: dict[str, float] = {
    "+W": 0.4,
    "+M": 0.9,
    "+S": 1.6,
    "-W": -0.4,
    "-M": -0.9,
    "-S": -1.6,
    "note": 0.0,
    "block": BLOCK,
}
"""Nats of each word; a note says how to do it and changes no odds."""


class Threshold(NamedTuple):
    """Where a rule begins and ends to hold: a matter of degree, so it grades over a band rather than at a line."""

    fact: str
    """The quantity, as `Facts` names it."""
    low: float
    """Up to here the grade is 0."""
    high: float
    """From here on the grade is 1."""
    unit: str
    source: str
    """Where the line comes from, or "our line"."""

    def grade(self, value: float) -> float:
        """Return 0 up to `low`, 1 from `high` on, and between them the logistic-like rise of a smoothstep in log value.

        Examples
        --------
        >>> line = Threshold("train_rows", 50, 200, "rows", "our line")
        >>> [line.grade(rows) for rows in (10, 50, 100, 200, 10_000)]
        [0.0, 0.0, 0.5, 1.0, 1.0]
        """
        if value <= self.low:
            return 0.0
        if value >= self.high:
            return 1.0
        share = math.log(value / self.low) / math.log(self.high / self.low) if self.low > 0 else value / self.high
        return round(share * share * (3 - 2 * share), 6)

    @property
    def band(self) -> str:
        """The band in words, large numbers in full.

        Examples
        --------
        >>> Threshold("requests_per_month", 0.5, 3e7, "requests a month", "our line").band
        'between 0.5 and 30,000,000 requests a month'
        """
        return f"between {self.low:,.12g} and {self.high:,.12g} {self.unit}"


class Effect(NamedTuple):
    """What one rule does to strategies, for one reason."""

    because: str | Callable[[], str]
    """One sentence with the user's numbers; written only when somebody reads it."""
    weights: dict[str, float]
    """Nats by strategy: for it (above 0), against it (below 0), or `BLOCK`."""


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
        Takes `Facts`; returns effects, or None where the rule does not apply or cannot tell. Its docstring documents
        the rule: what it says in the first line, why, and "What to do:".
    thresholds : tuple of Threshold
        The bands over which its effects grade.
    example : mapping
        Facts under which it speaks.
    origin : str
        Where the rule was read from: "advisor", or the file of a team's own rules.
    """

    id: str
    strength: Strength
    source: str
    touches: tuple[str, ...]
    ask: Ask
    thresholds: tuple[Threshold, ...] = ()
    example: Mapping[str, object] = field(default_factory=dict)
    origin: str = "advisor"

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


def rule(
    id: str,  # noqa: A002
    strength: Strength,
    source: str,
    touches: tuple[str, ...],
    *,
    thresholds: tuple[Threshold, ...] = (),
    example: Mapping[str, object],
) -> Callable[[Ask], Rule]:
    """Make a rule of the function below; see `Rule` for the parameters."""

    def make(ask: Ask) -> Rule:
        return Rule(
            id=id, strength=strength, source=source, touches=touches, ask=ask, thresholds=thresholds, example=example
        )

    return make


def push(because: str | Callable[[], str], by: float = 1.0, **weights: Weight) -> Effects:
    """Give several strategies their effects for one reason.

    Parameters
    ----------
    because : str or callable
        The sentence with the user's numbers; a callable writes it when it is read.
    by : float
        Grade between 0 and 1 that scales the effects, from `Threshold.grade`; a block is not scaled.
    **weights : {'+S', '+M', '+W', 'note', '-W', '-M', '-S', 'block'}
        Effect by strategy: for or against, and how strongly; a note says how to do it and changes no odds.

    Examples
    --------
    >>> push("…", lora="+M", full="-W")[0].weights
    {'lora': 0.9, 'full': -0.4}
    >>> push("…", 0.5, lora="+M")[0].weights, push("…", 0.0, lora="+M")
    ({'lora': 0.45}, ())
    """
    return spread(because, by, nats(**weights))


def nats(**weights: Weight) -> dict[str, float]:
    """Look up the nats of weights, once for rules that push many strategies and are asked very often.

    Examples
    --------
    >>> nats(lora="+M", full="-W")
    {'lora': 0.9, 'full': -0.4}
    """
    return {strategy: _NATS[weight] for strategy, weight in weights.items()}


def spread(because: str | Callable[[], str], by: float, weights: dict[str, float]) -> Effects:
    """Do what `push` does, with weights that were looked up before; they are not copied where the grade is 1.

    Examples
    --------
    >>> spread("…", 0.5, nats(lora="-M"))[0].weights
    {'lora': -0.45}
    """
    if by < 0.01:
        return ()
    return (Effect(because, weights if by == 1 else {strategy: by * nat for strategy, nat in weights.items()}),)


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


def weights(number: float) -> str:
    """Write a number of a model's weights in billions or millions.

    Examples
    --------
    >>> weights(8.03e9), weights(70_600_000_000), weights(22_713_216), weights(4_400_000), weights(120_000)
    ('8.0B', '71B', '23M', '4.4M', '120,000')
    """
    if number < 1e6:
        return f"{number:,.0f}"
    size, unit = (number / 1e9, "B") if number >= 999.5e6 else (number / 1e6, "M")
    return f"{size:,.1f}{unit}" if size < 9.95 else f"{size:,.0f}{unit}"


def gigabytes(size: float) -> str:
    """Write bytes in GB of 10⁹, or in MB when small.

    Examples
    --------
    >>> gigabytes(16e9), gigabytes(3.63e8)
    ('16.0 GB', '363 MB')
    """
    return f"{size / 1e9:,.1f} GB" if size >= 1e9 else f"{size / 1e6:,.0f} MB"
