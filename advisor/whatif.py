"""What if a fact were otherwise: the engine asked again and again about facts that differ in a few."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from pydantic import ConfigDict, Field

from advisor.engine import PLACE, Watch, probability
from advisor.facts import Facts
from advisor.rules import RULES, Rule
from advisor.rules.base import Ask
from advisor.settings import settings_from
from probes.base import Frozen
from probes.errors import SettingError

EXACT = 1_000_000
"""Whole numbers below this are given to the last one; larger ones, and fractions, to three digits or more."""


class WhatIf:
    """Facts, and the engine's answers for changes of them.

    A rule is a pure function: where it reads none of the facts that change, it says what it said before. So each
    answer asks only the rules that read one of them; it is the same as that of `advisor.engine.weigh`.

    Parameters
    ----------
    facts : Facts
        The facts as they are.
    strategies : iterable of str
    rules : sequence of Rule, default all of them

    Examples
    --------
    >>> from advisor.engine import weigh
    >>> what_if = WhatIf(Facts(rows=1_000), ("baseline", "lora"))
    >>> what_if.weigh({"rows": 8}) == weigh(Facts(rows=8), ("baseline", "lora"))
    True
    """

    def __init__(self, facts: Facts, strategies: Iterable[str], rules: Sequence[Rule] = RULES) -> None:
        self.facts = facts
        self.strategies = tuple(sorted(dict.fromkeys(strategies), key=PLACE.__getitem__))
        self._said: list[tuple[Rule, frozenset[str], list[Mapping[str, float]]]] = []
        for rule in rules:
            watched = Watch(facts)
            effects = rule.ask(watched) or ()  # type: ignore[arg-type]  # stands in for Facts
            self._said.append((rule, frozenset(watched.read), [effect.weights for effect in effects]))
        self._split: dict[frozenset[str], tuple[dict[str, float], list[Ask]]] = {}

    def weigh(self, change: Mapping[str, object]) -> dict[str, float]:
        """Return the log-odds of each strategy with some facts changed, minus infinity where it is blocked.

        Parameters
        ----------
        change : mapping
            Fact to value, of the type that the fact has.
        """
        facts = self.facts.model_copy(update=change)
        settled, asked = self._settled(frozenset(change))
        totals = settled.copy()
        for ask in asked:
            for _, weights in ask(facts) or ():
                for strategy, weight in weights.items():
                    if strategy in totals:
                        totals[strategy] += weight
        return {strategy: round(total, 9) for strategy, total in totals.items()}

    def winner(self, change: Mapping[str, object]) -> str | None:
        """Return the strategy in first place with some facts changed; None when all are blocked."""
        totals = self.weigh(change)
        best = max(totals, key=totals.__getitem__, default=None)
        return None if best is None or totals[best] == -math.inf else best

    def matters(self, change: Iterable[str]) -> bool:
        """Whether any rule reads one of these facts."""
        return bool(self._settled(frozenset(change))[1])

    def _settled(self, changed: frozenset[str]) -> tuple[dict[str, float], list[Ask]]:
        """Return the sums over the rules that read none of the changed facts, and the other rules."""
        if changed not in self._split:
            settled, asked = dict.fromkeys(self.strategies, 0.0), []
            for rule, read, said in self._said:
                if read & changed:
                    asked.append(rule.ask)
                    continue
                for weights in said:
                    for strategy, weight in weights.items():
                        if strategy in settled:
                            settled[strategy] += weight
            self._split[changed] = settled, asked
        return self._split[changed]


class Swept(Frozen):
    """The ranking at one value."""

    value: Any
    """The value of the fact."""
    ranking: tuple[str, ...]
    """The strategies that are not blocked, best first."""
    probability: dict[str, float]
    """Probability of each strategy that measuring would bear it out; 0 where it is blocked."""


class Edge(Frozen):
    """Where another strategy takes the first place."""

    model_config = ConfigDict(validate_by_name=True, validate_by_alias=True, serialize_by_alias=True)

    at: Any
    """The first value at which it does."""
    from_: str | None = Field(alias="from")
    """The strategy that comes first below; null where all are blocked."""
    to: str | None
    """The strategy that comes first from there on; null where all are blocked."""


class Sweep(Frozen):
    """How the ranking moves with one fact."""

    model: str | None
    """What the user called the model; None without one."""
    fact: str
    """The fact that varies."""
    values: tuple[Swept, ...]
    """The ranking at each value, in their order."""
    edges: tuple[Edge, ...]
    """Where the first place changes, in the same order; of numbers found by bisection, large ones to three digits."""
    notes: tuple[str, ...] = ()
    """What was assumed because nobody said it."""

    @property
    def is_range(self) -> bool:
        """Whether the values are numbers."""
        return all(isinstance(v.value, int | float) and not isinstance(v.value, bool) for v in self.values)


def sweep(
    facts: Facts,
    fact: str,
    values: Sequence[Any],
    strategies: Iterable[str],
    rules: Sequence[Rule] = RULES,
    notes: Sequence[str] = (),
) -> Sweep:
    """Rank the strategies at each value of a fact, and find where the first place changes.

    Parameters
    ----------
    facts : Facts
        The facts as they are.
    fact : str
        The field that varies.
    values : sequence
        Numbers in order, or choices; of the type that the fact has.
    strategies : iterable of str
    rules : sequence of Rule, default all of them
    notes : sequence of str
        What was assumed because nobody said it, as `advisor.assumptions.assumed` returns it.

    Returns
    -------
    Sweep
    """
    what_if = WhatIf(facts, strategies, rules)

    def first(value: Any) -> str | None:
        return what_if.winner({fact: value})

    edges = []
    for before, after in itertools.pairwise(values):
        numbers = isinstance(before, int | float) and not isinstance(before, bool)
        here, there = first(before), first(after)
        while here != there:
            edge = _edge(before, after, first) if numbers else after
            edges.append(Edge(at=edge, from_=here, to=first(edge)))
            before, here = edge, first(edge)
    return Sweep(
        model=facts.model,
        fact=fact,
        values=tuple(_swept(value, what_if.weigh({fact: value})) for value in values),
        edges=tuple(edges),
        notes=tuple(notes),
    )


def _swept(value: Any, totals: dict[str, float]) -> Swept:
    alive = [name for name, total in totals.items() if total != -math.inf]
    return Swept(
        value=value,
        ranking=tuple(sorted(alive, key=totals.__getitem__, reverse=True)),
        probability={name: probability(total) for name, total in totals.items()},
    )


def _edge(before: float, after: float, first: Callable[[float], str | None]) -> float:
    """Return the first number beyond `before`, towards `after`, at which another strategy comes first."""
    here, whole = first(before), isinstance(before, int) and isinstance(after, int)
    inside, outside = before, after
    while abs(outside - inside) > (1 if whole else 1e-5 * max(abs(outside), abs(inside))):
        middle = (inside + outside) // 2 if whole else (inside + outside) / 2
        inside, outside = (middle, outside) if first(middle) == here else (inside, middle)
    if whole and outside < EXACT:
        return outside
    there = first(outside)

    def holds(value: float) -> bool:
        return value <= after and first(int(value) if whole else value) == there

    short = rounded(outside, True, holds)
    return int(short) if whole else short


def rounded(value: float, up: bool, holds: Callable[[float], bool]) -> float:
    """Return the number near an edge with the fewest digits, three or more, on the side where `holds` does.

    Examples
    --------
    >>> rounded(6.99987, False, lambda value: value < 7), rounded(0.85001, True, lambda value: value >= 0.85)
    (6.99, 0.85)
    """
    for digits in (3, 4, 5):
        near = float(f"{value:.{digits}g}")
        unit = 10.0 ** (math.floor(math.log10(abs(value))) - digits + 1) if value else 0.0
        for candidate in (near, float(f"{near + (unit if up else -unit):.{digits}g}")):
            if holds(candidate):
                return candidate
    return value


def spread(low: float, high: float, points: int, whole: bool, linear: bool) -> list[float]:
    """Return numbers from `low` to `high`: evenly spaced, or in equal ratios; whole ones without repetition.

    Examples
    --------
    >>> spread(50, 50_000, 4, whole=True, linear=False)
    [50, 500, 5000, 50000]
    >>> spread(0, 1, 3, whole=False, linear=True), spread(0, 100, 4, whole=True, linear=False)
    ([0, 0.5, 1], [0, 1, 10, 100])
    """
    if linear or low < 0:  # below 0 there are no ratios
        middle = [low + (high - low) * k / (points - 1) for k in range(1, points - 1)]
    else:
        # From 0 there is no ratio: the next number is 1, or a thousandth of the highest.
        start = low or (1.0 if whole else high / 1_000)
        steps = points - 1 if low else points - 2
        middle = [start * (high / start) ** (k / max(1, steps)) for k in range(bool(low), steps)]
    if whole:
        return sorted({int(low), *(round(value) for value in middle), int(high)})
    return [low, *(float(f"{value:.4g}") for value in middle), high]


def parse_vary(text: str, points: int = 25) -> tuple[str, list[Any]]:
    """Read `fact=low:high` or `fact=choice,choice` into the fact's name and its values.

    Parameters
    ----------
    text : str
        What `--vary` was given.
    points : int
        How many values a range is made of.

    Returns
    -------
    (str, list)

    Raises
    ------
    SettingError
        If there is no such fact, or it cannot take such values.

    Examples
    --------
    >>> parse_vary("rows=50:5k", 3), parse_vary("compute=limited,plenty")
    (('rows', [50, 500, 5000]), ('compute', ['limited', 'plenty']))
    """
    fact, _, told = (part.strip() for part in text.partition("="))
    remedy = "Write a range, --vary rows=50:50000, or choices, --vary compute=limited,plenty."
    if not fact or not told:
        raise SettingError(f"--vary {text!r} names no fact and values", remedy)
    if not 2 <= points <= 1_000:
        raise SettingError(f"--points is {points}", "Give a whole number from 2 to 1,000.")
    is_range = ":" in told
    parts = [part.strip() for part in told.split(":" if is_range else ",")]
    if "" in parts:
        raise SettingError(f"--vary {text!r} has an empty value", remedy)
    values: list[Any] = []
    for part in parts:
        setting = settings_from([f"{fact}={part}"], "--vary")
        fact = next(iter(setting))
        values.append(setting[fact])
    if not is_range:
        if len(values) < 2 or len(set(map(str, values))) < len(values):
            raise SettingError(f"--vary {text!r} gives {'one value' if len(values) < 2 else 'a value twice'}", remedy)
        numbers = all(isinstance(value, int | float) and not isinstance(value, bool) for value in values)
        return fact, sorted(values) if numbers else values
    if len(values) != 2 or not all(isinstance(v, int | float) and not isinstance(v, bool) for v in values):
        raise SettingError(f"--vary {text!r} is no range of two numbers", remedy)
    low, high = values
    if low >= high:
        raise SettingError(f"--vary {text!r} ends before it begins", f"Write {fact}=LOW:HIGH, the lower number first.")
    whole = isinstance(low, int) and isinstance(high, int)
    return fact, spread(low, high, points, whole, linear=not whole and high <= 1)
