"""A table of cases for rules: one line a case, checked from the outside."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import pytest

from advisor.engine import Watch
from advisor.facts import Facts
from advisor.questions import QUESTIONS
from advisor.rules.base import BLOCK, LOG_ODDS, Rule
from advisor.rules.start import PRIOR


class Case(NamedTuple):
    """A rule, the facts it is asked about, and what it is to answer."""

    rule: str
    """Id of the rule."""
    facts: dict[str, Any]
    """What is known; the rest is not."""
    weights: dict[str, float] | None = None
    """Nats expected by strategy, to two decimals; None where the rule is to be silent."""
    says: str = ""
    """What its sentences must print: a number of the user's."""
    waits: tuple[str, ...] = ()
    """Facts that a silent rule waits for: those it read without their being known, and that can be asked for."""


_ASKED = {question.fact for question in QUESTIONS}


def name(case: Case) -> str:
    """Name a case in the test report."""
    return f"{case.rule}-{'silent' if case.weights is None else 'speaks'}"


def facts_of(known: dict[str, Any]) -> Facts:
    """Make facts of what is known; all rows train unless said otherwise, so that cases count in training rows."""
    return Facts.model_validate({"train_share": 1.0, **known})


def check(rules: tuple[Rule, ...], case: Case) -> None:
    """Ask the rule of a case and compare."""
    (rule,) = (rule for rule in rules if rule.id == case.rule)
    facts = facts_of(case.facts)
    effects = rule.ask(facts)
    watched = Watch(facts)
    rule.ask(watched)  # type: ignore[arg-type]
    if case.weights is None:
        assert not effects, effects
        assert watched.missed & _ASKED == set(case.waits)
        return
    assert effects
    assert weights(effects) == pytest.approx(case.weights, abs=0.006)
    sentences = said(effects)
    assert any(case.says in sentence for sentence in sentences), sentences


def weights(effects: Any) -> dict[str, float]:
    """Add up what effects do to each strategy."""
    total: dict[str, float] = {}
    for effect in effects:
        for strategy, weight in effect.weights.items():
            total[strategy] = total.get(strategy, 0.0) + weight
    return total


def said(effects: Any) -> list[str]:
    """Write the sentences of effects."""
    return [effect.because if isinstance(effect.because, str) else effect.because() for effect in effects]


def check_rule(rule: Rule) -> None:
    """Check what every rule owes its reader: a title, why, what to do, a source, an example, and weights in bounds."""
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)+", rule.id)
    first, _, rest = rule.docs.partition("\n")
    assert first.endswith("."), first
    assert len(first) > 20
    assert re.search(r"^What to do: \S", rest, flags=re.MULTILINE), rule.id
    assert len(rest.partition("What to do:")[0].strip()) > 40, "why is missing"
    assert rule.source.strip()
    assert rule.strength != "S" or not rule.source.startswith("common practice")
    assert set(rule.touches) <= set(PRIOR)
    for threshold in rule.thresholds:
        assert 0 <= threshold.low < threshold.high
        assert threshold.source
        assert hasattr(Facts, threshold.fact) or threshold.fact in Facts.model_fields
    assert rule.example
    facts = facts_of(dict(rule.example))
    effects = rule.ask(facts)
    assert effects, f"{rule.id} is silent under its own example"
    check_effects(rule, effects)
    assert rule.ask(Facts.model_validate(rule.example)), "the example holds with the usual split too"


def check_effects(rule: Rule, effects: Any) -> None:
    """Check that effects keep to the rule's metadata and that their sentences can be written."""
    for strategy, weight in weights(effects).items():
        assert strategy in rule.touches, strategy
        assert weight == BLOCK or abs(weight) <= LOG_ODDS[rule.strength] + 1e-9
    for sentence in said(effects):
        assert sentence.endswith(".")
        assert not re.search(r"\bNone\b|\bnan\b|\binf\b|  ", sentence), sentence
        assert re.match(r"[A-Z]|\d", sentence), sentence
