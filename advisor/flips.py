"""What would change the advice: the smallest changes of facts that put another strategy first, found by search.

How small a change is, is measured alike for all facts (`advisor.scales.Scale.distance`): a number counts the logarithm
of its ratio over that of all that is usual for it, another choice counts 1, and an answer still open counts one half.
A number is searched over all its scale, so that a flip can say where on it the other strategy comes first.
Every flip is verified: the engine is asked again about facts that hold the change, checked as `--set` checks it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import combinations, pairwise
from typing import Any, NamedTuple

from advisor.advice import Advice, Flip
from advisor.engine import winner
from advisor.facts import Facts
from advisor.rules import RULES, Rule
from advisor.scales import SCALES, Scale, movable
from advisor.settings import settings_from
from advisor.whatif import EXACT, WhatIf, rounded

PAIR_FACTORS = (2.0, 5.0, 20.0)
"""How many times more, or less, of a number are tried in a pair before its edge is searched."""


def with_flips(facts: Facts, advice: Advice, rules: Sequence[Rule] = RULES) -> Advice:
    """Return the advice with what would flip it."""
    names = [entry.strategy for entry in advice.advice]
    return advice.model_copy(update={"flips": flips(facts, names, rules)})


def flips(facts: Facts, strategies: Sequence[str], rules: Sequence[Rule] = RULES) -> tuple[Flip, ...]:
    """Find the smallest change of each fact, and the cheapest pair of changes, that puts another strategy first.

    Parameters
    ----------
    facts : Facts
        The facts as they are.
    strategies : sequence of str
        The strategies to rank.
    rules : sequence of Rule, default all of them

    Returns
    -------
    tuple of Flip
        Nearest first; a number may flip the advice upwards and downwards, an open answer once for each strategy. What
        a sentence says of numbers holds for each of those tried, in steps of a factor of 1.35, to ten times beyond
        what is usual.

    Examples
    --------
    >>> from advisor.rules import Rule
    >>> from advisor.rules.base import push
    >>> ask = lambda facts: push("Many rows.", lora="+S") if (facts.rows or 0) >= 640 else None
    >>> rules = (Rule("many-rows", "S", "a test", ("lora",), ask),)
    >>> [(flip.change, flip.sentence) for flip in flips(Facts(rows=300), ("baseline", "lora"), rules)]
    [({'rows': 640}, 'From 640 labelled rows on (now 300): lora.')]
    """
    what_if = WhatIf(facts, strategies, rules)
    first = what_if.winner({})
    if first is None:
        return ()
    search = _Search(what_if, first)
    found = [
        (search.distance(change), change, told)
        for scale in SCALES.values()
        if what_if.matters([scale.fact])
        for change, told in search.single(scale)
    ]
    pair = search.pair()
    if pair is not None:
        found.append((search.distance(pair), pair, search.told(pair)))
    found.sort(key=lambda entry: entry[0])
    return tuple(flip for _, change, told in found if (flip := search.verified(change, told, rules)) is not None)


class _Stretch(NamedTuple):
    """Numbers of a scale, next to each other, at which the same strategy comes first."""

    low: float
    high: float
    first: str | None
    """None where all are blocked."""

    def toward(self, now: float) -> float:
        """Return the number in it that is nearest to another."""
        return min(max(now, self.low), self.high)


class _Search:
    """The search for changes that put another strategy than `first` in first place."""

    def __init__(self, what_if: WhatIf, first: str) -> None:
        self.what_if, self.facts, self.first = what_if, what_if.facts, first

    def to(self, change: dict[str, Any]) -> str | None:
        """Return the other strategy that comes first under a change, None if none does."""
        there = self.what_if.winner(change)
        return None if there == self.first else there

    def flips(self, change: dict[str, Any]) -> bool:
        """Whether a change puts another strategy first, and makes sense."""
        if self.to(change) is None:
            return False
        changed = self.facts.model_copy(update=change)
        return all(movable(SCALES[fact], changed) for fact in change)

    def distance(self, change: dict[str, Any]) -> float:
        """Return how far a change is, the sum over its facts."""
        return sum(SCALES[fact].distance(SCALES[fact].now(self.facts), value) for fact, value in change.items())

    def single(self, scale: Scale) -> Iterator[tuple[dict[str, Any], str]]:
        """Yield the smallest changes of one fact that flip the advice, in the sentence's words too."""
        now = scale.now(self.facts)
        if not scale.is_number:
            yield from self._choices(scale, now)
        elif movable(scale, self.facts):
            stretches = self._stretches(scale, {})
            if now is None:
                yield from self._open(scale, stretches)
            elif isinstance(now, int | float):
                above = next((part for part in stretches if part.low > now and self._other(part)), None)
                below = next((part for part in reversed(stretches) if part.high < now and self._other(part)), None)
                for part in (above, below):
                    if part is not None:
                        part = self._rounded(scale, part, {})
                        yield {scale.fact: part.toward(now)}, self._where(scale, [part])

    def _choices(self, scale: Scale, now: object) -> Iterator[tuple[dict[str, Any], str]]:
        """Yield the other choices that flip the advice; of an open answer, one for each strategy."""
        seen: set[str | None] = set()
        for value in scale.question.plausible if now is None or scale.question.kind != "text" else ():
            change = {scale.fact: value}
            if value == now or not self.flips(change) or (now is None and self.to(change) in seen):
                continue
            seen.add(self.to(change))
            yield change, self._clause(scale, value)

    def _open(self, scale: Scale, stretches: Sequence[_Stretch]) -> Iterator[tuple[dict[str, Any], str]]:
        """Yield for a number that is not known where on its scale each other strategy comes first."""
        lowest, highest = scale.bounds
        for name in dict.fromkeys(part.first for part in stretches if self._other(part)):
            parts = [self._rounded(scale, part, {}) for part in stretches if part.first == name]
            low, high, _ = parts[0]
            value = low if low > lowest else high if high < highest else scale.plausible[len(scale.plausible) // 2]
            yield {scale.fact: value}, self._where(scale, parts)

    def _other(self, stretch: _Stretch) -> bool:
        return stretch.first not in (None, self.first)

    def _stretches(self, scale: Scale, base: Mapping[str, Any]) -> list[_Stretch]:
        """Part the scale of a number, some other facts being changed, by the strategy that comes first."""

        def first(value: float) -> str | None:
            return self.what_if.winner({**base, scale.fact: value})

        now = scale.now(self.facts)
        points = scale.points(now if isinstance(now, int | float) else None)
        low, here = points[0], first(points[0])
        found = []
        for before, after in pairwise(points):
            there = first(after)
            while here != there:
                last, beyond = self._edge(scale, before, after, first)
                found.append(_Stretch(low, last, here))
                low = before = beyond
                here = first(beyond)
        return [*found, _Stretch(low, points[-1], here)]

    def _edge(self, scale: Scale, low: float, high: float, first: Callable[[float], str | None]) -> tuple[float, float]:
        """Return two neighbours on the scale: the lower has the same strategy `first` as `low`, the upper another."""
        share, here = scale.question.kind == "share", first(low)
        while (high - low > 1) if scale.whole else (high - low > 1e-4 * abs(high)):
            if low <= 0 and not (share or scale.whole):
                break  # what is next to 0 is not worth telling from the least
            half = (low + high) / 2 if share or low <= 0 else (low * high) ** 0.5
            half = (low + high) // 2 if scale.whole else half
            low, high = (half, high) if first(half) == here else (low, half)
        return low, high

    def _rounded(self, scale: Scale, stretch: _Stretch, base: Mapping[str, Any]) -> _Stretch:
        """Return a stretch whose ends have no more digits than anybody needs; the same strategy comes first there."""
        lowest, highest = scale.bounds

        def end(value: float, up: bool) -> float:
            # Nobody counts parameters or tokens by the million to the last one.
            if value in (lowest, highest) or (scale.whole and value < EXACT):
                return value

            def within(near: float) -> bool:
                change = {**base, scale.fact: int(near) if scale.whole else near}
                inside = near <= stretch.high if up else near >= stretch.low
                return inside and self.what_if.winner(change) == stretch.first

            near = rounded(value, up, within)
            return int(near) if scale.whole else near

        return _Stretch(end(stretch.low, up=True), end(stretch.high, up=False), stretch.first)

    def pair(self) -> dict[str, Any] | None:
        """Return the cheapest pair of changes of which neither alone flips the advice."""
        options = [
            (self.distance(change), change)
            for scale in SCALES.values()
            for value in self._tried(scale)
            if not self.flips(change := {scale.fact: value})
        ]
        options.sort(key=lambda entry: entry[0])
        pairs = sorted(
            (
                (near + far, {**one, **other})
                for (near, one), (far, other) in combinations(options, 2)
                if one.keys() != other.keys()
            ),
            key=lambda entry: entry[0],
        )
        for _, pair in pairs:
            if self.what_if.matters(pair) and self.flips(pair):
                return self._tightened(pair)
        return None

    def _tried(self, scale: Scale) -> list[Any]:
        """Return the values of a fact that are tried in pairs."""
        now = scale.now(self.facts)
        if now is not None and scale.question.kind == "text":
            return []
        values = set(scale.question.plausible) - {now}
        if scale.is_number and scale.question.kind != "share" and isinstance(now, int | float) and now > 0:
            low, high = scale.bounds
            near = (now * by for factor in PAIR_FACTORS for by in (factor, 1 / factor))
            values |= {round(value) if scale.whole else value for value in near if low <= value <= high}
        return sorted(values - {now}, key=str)

    def _tightened(self, pair: dict[str, Any]) -> dict[str, Any]:
        """Return a pair that flips the advice with its numbers as near to the facts as they may be, one by one."""
        for fact in pair:
            now = SCALES[fact].now(self.facts)
            if SCALES[fact].is_number and isinstance(now, int | float):
                pair = {**pair, fact: self._around(pair, fact).toward(now)}
        return pair

    def _around(self, change: Mapping[str, Any], fact: str) -> _Stretch:
        """Return the stretch in which one number of a change lies, the others staying as the change has them."""
        scale, base = SCALES[fact], {name: value for name, value in change.items() if name != fact}
        here = min(self._stretches(scale, base), key=lambda part: abs(part.toward(change[fact]) - change[fact]))
        return self._rounded(scale, here, base)

    def told(self, pair: Mapping[str, Any]) -> str:
        """Write a pair of changes: how far the first number may go with the other as it is."""
        parts, numbers = [], 0
        for fact, value in pair.items():
            scale = SCALES[fact]
            numbers += scale.is_number
            if not scale.is_number:
                parts.append(self._clause(scale, value))
            else:
                around = self._around(pair, fact) if numbers == 1 else _Stretch(value, value, None)
                parts.append(self._where(scale, [around]))
        return ", and ".join(parts)

    def _where(self, scale: Scale, stretches: Sequence[_Stretch]) -> str:
        """Write where on the scale of a number another strategy comes first, and the number as it is."""
        now = scale.now(self.facts)
        known = f"now {scale.question.show(round(now, 3))}" if isinstance(now, int | float) else "not known"
        return f"{' or '.join(scale.stretch(part.low, part.high) for part in stretches)} ({known})"

    def _clause(self, scale: Scale, value: object) -> str:
        """Write another choice."""
        return f"if {scale.clause(value)}" + (" (not known)" if scale.now(self.facts) is None else "")

    def verified(self, change: dict[str, Any], told: str, rules: Sequence[Rule]) -> Flip | None:
        """Ask the engine itself about facts with the change; None if it does not flip, or makes no sense."""
        settings = settings_from(setting(fact, value) for fact, value in change.items())
        changed = Facts.model_validate({**self.facts.model_dump(), **settings})
        to = winner(changed, self.what_if.strategies, rules)
        if to is None or to == self.first:
            return None
        return Flip(change=change, from_=self.first, to=to, sentence=f"{told[0].upper()}{told[1:]}: {to}.")


def setting(fact: str, value: object) -> str:
    """Write a change as `--set` takes it.

    Examples
    --------
    >>> setting("rows", 640), setting("expects_shift", True)
    ('rows=640', 'expects_shift=true')
    """
    return f"{fact}={str(value).lower() if isinstance(value, bool) else value}"
