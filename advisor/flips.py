"""What would change the advice: the smallest changes of facts that put another strategy first, found by search.

How small a change is, is measured alike for all facts (`advisor.scales.Scale.distance`): a number counts the logarithm
of its ratio over that of all that is usual for it, another choice counts 1, and an answer still open counts one half.
Every flip is verified: the engine is asked again about facts that hold the change, checked as `--set` checks it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import combinations
from typing import Any

from advisor.engine import Advice, Flip, winner
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
        Nearest first; a number may flip the advice upwards and downwards, an open answer once for each strategy.

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
        (search.distance(change), change)
        for scale in SCALES.values()
        if what_if.matters([scale.fact])
        for change in search.single(scale)
    ]
    pair = search.pair()
    if pair is not None:
        found.append((search.distance(pair), pair))
    found.sort(key=lambda entry: entry[0])
    return tuple(flip for _, change in found if (flip := search.verified(change, rules)) is not None)


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

    def single(self, scale: Scale) -> Iterator[dict[str, Any]]:
        """Yield the smallest changes of one fact that flip the advice."""
        now = scale.now(self.facts)
        if now is None:
            yield from self._open(scale)
        elif not scale.is_number:
            yield from (
                {scale.fact: value}
                for value in scale.question.plausible
                if value != now and self.flips({scale.fact: value})
            )
        elif isinstance(now, int | float):
            for up in (True, False):
                inside: float = now
                for outside in scale.outwards(now, up):
                    if self.flips({scale.fact: outside}):
                        yield {scale.fact: self._edge(scale, inside, outside, self._with({}, scale.fact))}
                        break
                    inside = outside

    def _open(self, scale: Scale) -> Iterator[dict[str, Any]]:
        """Yield for a fact that is not known one value for each strategy it may put first."""
        seen: set[str] = set()
        values: tuple[Any, ...] = scale.plausible if scale.is_number else scale.question.plausible
        for place, value in enumerate(values):
            to = self.to({scale.fact: value})
            if to is None or to in seen or not self.flips({scale.fact: value}):
                continue
            seen.add(to)
            # Beside a number that changes nothing, it is the edge between them that tells.
            beside = [v for v in (*values[place + 1 : place + 2], *values[:place][-1:]) if not self.to({scale.fact: v})]
            if scale.is_number and beside:
                yield {scale.fact: self._edge(scale, beside[-1], value, self._with({}, scale.fact))}
            else:
                yield {scale.fact: value}

    def _edge(self, scale: Scale, inside: float, outside: float, holds: Callable[[float], bool]) -> float:
        """Return the number nearest to `inside` at which `holds`, which it does at `outside`, found by bisection."""
        if scale.whole:
            near, far = int(inside), int(outside)
            while abs(far - near) > 1:
                half = (near + far) // 2
                near, far = (near, half) if holds(half) else (half, far)
            # Nobody counts parameters or tokens by the million to the last one.
            return far if far < EXACT else int(rounded(far, far > near, lambda value: holds(int(value))))
        if inside <= 0 < outside and scale.question.kind != "share":
            inside = scale.least
            if holds(inside):
                return inside
        for _ in range(40):
            middle = (
                (inside + outside) / 2
                if scale.question.kind == "share" or min(inside, outside) <= 0
                else (inside * outside) ** 0.5
            )
            inside, outside = (inside, middle) if holds(middle) else (middle, outside)
            if abs(outside - inside) <= 1e-4 * abs(outside):
                break
        return rounded(outside, outside > inside, holds)

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
        values = set(scale.question.plausible) - {now}
        if scale.is_number and scale.question.kind != "share" and isinstance(now, int | float) and now > 0:
            low, high = scale.bounds
            near = (now * by for factor in PAIR_FACTORS for by in (factor, 1 / factor))
            values |= {round(value) if scale.whole else value for value in near if low <= value <= high}
        return sorted(values - {now}, key=str)

    def _tightened(self, pair: dict[str, Any]) -> dict[str, Any]:
        """Return a pair that flips the advice with its numbers as near to the facts as they may be, one by one."""
        for fact, value in pair.items():
            scale, now = SCALES[fact], SCALES[fact].now(self.facts)
            if scale.is_number and isinstance(now, int | float):
                pair = {**pair, fact: self._edge(scale, now, value, self._with(pair, fact))}
        return pair

    def _with(self, change: dict[str, Any], fact: str) -> Callable[[float], bool]:
        """Return whether a change with another value of one of its facts flips the advice."""
        return lambda value: self.flips({**change, fact: value})

    def verified(self, change: dict[str, Any], rules: Sequence[Rule]) -> Flip | None:
        """Ask the engine itself about facts with the change; None if it does not flip, or makes no sense."""
        told = settings_from(setting(fact, value) for fact, value in change.items())
        changed = Facts.model_validate({**self.facts.model_dump(), **told})
        to = winner(changed, self.what_if.strategies, rules)
        if to is None or to == self.first:
            return None
        return Flip(change=change, from_=self.first, to=to, sentence=self._sentence(change, to))

    def _sentence(self, change: dict[str, Any], to: str) -> str:
        """Write "From 640 labelled rows on (now 300), and if compute were plenty: full."."""
        parts = [self._part(SCALES[fact], value, to) for fact, value in change.items()]
        said = ", and ".join(parts)
        return f"{said[0].upper()}{said[1:]}: {to}."

    def _part(self, scale: Scale, value: object, to: str) -> str:
        """Write one change; of an open answer, whether the strategy comes first at one end of what is usual."""
        now = scale.now(self.facts)
        if not (scale.is_number and isinstance(value, int | float)):
            return f"if {scale.clause(value)}" + (" (not known)" if now is None else "")
        if isinstance(now, int | float):
            edge = f"from {scale.phrase(value)} on" if value > now else f"at {scale.phrase(value)} or less"
            return f"{edge} (now {scale.question.show(round(now, 3))})"
        lowest, highest = (self.to({scale.fact: end}) == to for end in (scale.plausible[0], scale.plausible[-1]))
        if highest and not lowest:
            return f"from {scale.phrase(value)} on (not known)"
        return f"at {scale.phrase(value)} {'or less ' if lowest and not highest else ''}(not known)"


def setting(fact: str, value: object) -> str:
    """Write a change as `--set` takes it.

    Examples
    --------
    >>> setting("rows", 640), setting("expects_shift", True)
    ('rows=640', 'expects_shift=true')
    """
    return f"{fact}={str(value).lower() if isinstance(value, bool) else value}"
