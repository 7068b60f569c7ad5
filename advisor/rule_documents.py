"""The document of `advisor rules --json`: the rule base as others may read it."""

from __future__ import annotations

from typing import Any, Literal

from advisor.rules.base import Strength
from probes.base import Frozen


class Band(Frozen):
    """Where an effect grades rather than jumps."""

    fact: str
    """The quantity that decides."""
    low: float
    """Up to here there is no effect."""
    high: float
    """From here on the effect is whole."""
    unit: str
    source: str
    """Where the band comes from."""
    band: str
    """The band in words."""


class Said(Frozen):
    """What a rule says, for one reason."""

    because: str
    """The reason, with the numbers of the example."""
    strategies: dict[str, float | Literal["block"]]
    """Nats added to the log-odds of each strategy, or the word "block"."""


class Example(Frozen):
    """Facts under which a rule speaks."""

    facts: dict[str, Any]
    """Fact to value, as `--set` takes them."""
    effects: tuple[Said, ...]
    """What the rule says of them."""


class RuleEntry(Frozen):
    """All about one rule."""

    id: str
    """What `reasons[].rule` of the advice refers to."""
    title: str
    """The rule in one line."""
    family: str
    """What `--family` takes."""
    strength: Strength
    """How good the evidence is: W weak, M medium, S strong."""
    source: str
    """Where the rule comes from."""
    strategies: tuple[str, ...]
    """Strategies it can have an effect on."""
    docs: str
    """What it says, why, and what to do."""
    thresholds: tuple[Band, ...]
    """The bands over which its effects grade."""
    example: Example
    origin: str
    """Where it was read from: "advisor", or the file of a team's own rules."""


class RulesDocument(Frozen):
    """What `advisor rules --json` prints."""

    rules: tuple[RuleEntry, ...]
    """In the order in which they are asked."""
