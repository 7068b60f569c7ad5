"""The engine: facts and rules make advice. Pure: the same facts always give the same advice."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

from advisor.advice import Advice, Reason, StrategyAdvice, Unknown
from advisor.facts import Facts
from advisor.questions import QUESTIONS, Question, machine_is_known
from advisor.rules import RULES, Rule
from advisor.rules.base import LOG_ODDS
from advisor.rules.cautions import cautions
from advisor.rules.start import PRIOR
from advisor.rules.volume import way_out

PLACE = {strategy: place for place, strategy in enumerate(PRIOR)}
"""Place of each strategy by weight, lightest first."""


def weigh(facts: Facts, strategies: Sequence[str], rules: Sequence[Rule] = RULES) -> dict[str, float]:
    """Return the log-odds of each strategy, minus infinity where it is blocked; the engine without its words.

    Parameters
    ----------
    facts : Facts
    strategies : sequence of str
        Names of the strategies to weigh.
    rules : sequence of Rule
        Each is asked once; log-odds add up, a block is absolute. Their order does not matter.

    Returns
    -------
    dict of str to float
        Rounded so that equal sums compare equal whatever their order.
    """
    totals = dict.fromkeys(strategies, 0.0)
    for rule in rules:
        for effect in rule.ask(facts) or ():
            for strategy, weight in effect.weights.items():
                if strategy in totals:
                    totals[strategy] += weight
    return {strategy: round(total, 9) for strategy, total in totals.items()}


def winner(facts: Facts, strategies: Sequence[str], rules: Sequence[Rule] = RULES) -> str | None:
    """Return the strategy in first place; equal odds go to the lightest; None when all are blocked."""
    totals = weigh(facts, sorted(strategies, key=PLACE.__getitem__), rules)
    best = max(totals, key=totals.__getitem__, default=None)
    return None if best is None or totals[best] == -math.inf else best


def advise(facts: Facts, strategies: Sequence[str], rules: Sequence[Rule] = RULES) -> Advice:
    """Rank strategies by what the rules say about the facts.

    Parameters
    ----------
    facts : Facts
    strategies : sequence of str
        Names of the strategies to rank.
    rules : sequence of Rule, default all of them

    Returns
    -------
    Advice
        Equal odds are ordered lightest first.

    Raises
    ------
    ValueError
        If a strategy is not known.
    """
    strangers = [name for name in strategies if name not in PLACE]
    if strangers:
        raise ValueError(f"unknown strategies: {', '.join(strangers)}")
    ordered = sorted(dict.fromkeys(strategies), key=PLACE.__getitem__)
    reasons: dict[str, list[Reason]] = {name: [] for name in ordered}
    for rule in rules:
        for effect in rule.ask(facts) or ():
            touched = [name for name in effect.weights if name in reasons]
            because = effect.because if isinstance(effect.because, str) else effect.because() if touched else ""
            for name in touched:
                weight = effect.weights[name]
                reasons[name].append(
                    Reason(
                        rule=rule.id,
                        title=rule.title,
                        effect="block" if weight == -math.inf else round(weight, 6),
                        because=because,
                        source=rule.source,
                        strength=rule.strength,
                        origin=rule.origin,
                    )
                )
    totals = weigh(facts, ordered, rules)
    unknowns, bounds = _unknowns(facts, ordered, rules, totals)
    ranked = sorted(ordered, key=totals.__getitem__, reverse=True)
    return Advice(
        model=facts.model,
        train_rows=facts.train_rows,
        advice=tuple(_stand(name, totals[name], *bounds[name], reasons[name]) for name in ranked),
        notes=(*_left_over(facts, totals), *_too_close(ranked, totals), *cautions(facts)),
        unknowns=unknowns,
    )


def _alone(totals: dict[str, float]) -> bool:
    """Whether doing without a model is all that is left of several strategies."""
    standing = [name for name, total in totals.items() if total != -math.inf]
    return standing == ["no_model"] and len(totals) > 1


def _left_over(facts: Facts, totals: dict[str, float]) -> tuple[str, ...]:
    """Say what to do where doing without a model is not advised but left over."""
    if not _alone(totals):
        return ()
    out = way_out(facts) or "Change one of the facts that rule the others out."
    return (f"Every strategy but no_model is ruled out, so it is no recommendation. {out}",)


def _too_close(ranked: Sequence[str], totals: dict[str, float]) -> tuple[str, ...]:
    """Say that the rules do not tell the first from the second, where less than one weak reason lies between them."""
    if len(ranked) < 2 or totals[ranked[1]] == -math.inf:
        return ()
    gap = totals[ranked[0]] - totals[ranked[1]]
    if gap >= LOG_ODDS["W"] - 1e-9:
        return ()
    apart = math.floor(100 * gap) / 100  # never shown as the weak reason it falls short of
    return (
        f"{ranked[0]} and {ranked[1]} lie {apart:.2f} nats apart, less than one weak reason: only measuring tells.",
    )


def _stand(strategy: str, total: float, low: float, high: float, reasons: list[Reason]) -> StrategyAdvice:
    """Make one strategy's entry of the advice, from its log-odds and their bounds."""
    odds = math.exp(total)
    return StrategyAdvice(
        strategy=strategy,
        odds=float(f"{odds:.6g}"),
        probability=probability(total),
        low=probability(low),
        high=probability(high),
        blocked=total == -math.inf,
        reasons=tuple(
            sorted(reasons, key=lambda r: (0.0, 0.0) if r.effect == "block" else (1.0, -abs(float(r.effect))))
        ),
    )


def probability(log_odds: float) -> float:
    """Return the probability that log-odds stand for, 0 for minus infinity."""
    return round(1 / (1 + math.exp(-log_odds)), 4) if log_odds != -math.inf else 0.0


class Watch:
    """Facts that remember which of them were read, and which of those are not known.

    Examples
    --------
    >>> watched = Watch(Facts(classes=2))
    >>> watched.binary, watched.train_rows, sorted(watched.missed)
    (True, None, ['rows'])
    """

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self.read: set[str] = set()
        self.missed: set[str] = set()

    def __getattr__(self, name: str) -> Any:
        found = getattr(Facts, name, None)
        if isinstance(found, property) and found.fget is not None:
            return found.fget(self)
        value = getattr(self._facts, name)
        self.read.add(name)
        if value is None or value == ():
            self.missed.add(name)
        return value


def pending(facts: Facts, strategies: Iterable[str], rules: Sequence[Rule] = RULES) -> list[Question]:
    """Return the questions whose answers some rule still waits for, in the order in which to ask them.

    A rule that is decided waits for nothing, nor does one that could only speak of strategies that others block.

    Parameters
    ----------
    facts : Facts
    strategies : iterable of str
    rules : sequence of Rule
    """
    totals = weigh(facts, list(strategies), rules)
    alive = {name for name, total in totals.items() if total != -math.inf}
    missed: set[str] = set()
    for rule in rules:
        watched = Watch(facts)
        effects = rule.ask(watched) or ()  # type: ignore[arg-type] # it stands in for Facts
        # A block that rests on what nobody said, such as this machine's GPU, may yet be lifted.
        blocks = any(weight == -math.inf for effect in effects for weight in effect.weights.values())
        if blocks or alive.intersection(rule.touches):
            missed |= watched.missed
    return [question for question in QUESTIONS if question.fact in missed and question.applies(facts)]


def _unknowns(
    facts: Facts, strategies: Sequence[str], rules: Sequence[Rule], totals: dict[str, float]
) -> tuple[tuple[Unknown, ...], dict[str, tuple[float, float]]]:
    """Ask what each fact that is not known could do, one at a time.

    The bounds of a strategy's log-odds are the root of the sum of squares of the largest moves down and up that single
    facts make: it is unlikely that all of them turn out at their worst. What is blocked is bounded by what single
    facts would leave it with.
    """
    down, up = dict.fromkeys(strategies, 0.0), dict.fromkeys(strategies, 0.0)
    highest = dict.fromkeys(strategies, -math.inf)
    first = max(totals, key=totals.__getitem__, default=None)
    found = []
    for question in pending(facts, strategies, rules):
        if question.fact == "gpu_memory_gb" and machine_is_known(facts):
            continue
        most, least = dict.fromkeys(strategies, 0.0), dict.fromkeys(strategies, 0.0)
        winners, of_first = {}, []
        opened: dict[str, list[str]] = {}
        for value in question.plausible:
            there = weigh(facts.model_copy(update={question.fact: value}), strategies, rules)
            for name, total in there.items():
                if totals[name] == -math.inf:
                    highest[name] = max(highest[name], total)
                    if total != -math.inf:
                        opened.setdefault(question.meaning(value), []).append(name)
                    continue
                move = max(-5.0, total - totals[name])
                most[name], least[name] = max(most[name], move), min(least[name], move)
            best = max(there, key=there.__getitem__)
            if best != first and there[best] != -math.inf:
                winners[question.meaning(value)] = best
            if first is not None:
                of_first.append(probability(there[first]))
        for name in strategies:
            down[name] += least[name] ** 2
            up[name] += most[name] ** 2
        if first is None or not (any(most.values()) or any(least.values()) or opened):
            continue
        now = probability(totals[first])
        spread = round(100 * (max(*of_first, now) - min(*of_first, now)), 1)
        found.append(
            Unknown(
                fact=question.fact,
                question=question.text,
                winners=winners,
                spread=spread,
                sentence=_cost(question, None if _alone(totals) else first, winners, opened, spread),
            )
        )
    found.sort(key=lambda u: (not u.winners, -u.spread))
    return tuple(found), {
        name: (total - math.sqrt(down[name]), max(total + math.sqrt(up[name]), highest[name]))
        for name, total in totals.items()
    }


def _cost(
    question: Question, first: str | None, winners: dict[str, str], opened: dict[str, list[str]], spread: float
) -> str:
    """Say what not knowing a fact costs; `first` is None where all but no_model is ruled out."""
    at = "with" if question.words else "at"
    if winners:
        change = "; ".join(f"{at} {value} it would be {name}" for value, name in winners.items())
        return f"{question.fact} is not known and may change the advice: {change}."
    if opened:
        values: dict[str, list[str]] = {}
        for value, names in opened.items():
            values.setdefault(", ".join(names), []).append(value)
        cases = (f"{at} {_either(some)} it would no longer rule out {names}" for names, some in values.items())
        return f"{question.fact} is not known: {'; '.join(cases)}."
    if first is None:
        return f"{question.fact} is not known: no answer to it opens another way."
    if not spread:
        return f"{question.fact} is not known: it moves only strategies behind {first}."
    return f"{question.fact} is not known: it moves {first} by up to {spread:g} points, and keeps it first."


def _either(words: Sequence[str]) -> str:
    return " or ".join(filter(None, (", ".join(words[:-1]), words[-1])))
