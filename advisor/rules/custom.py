"""A team's own rule: what stands in a rule file, made into a `Rule` like the built-in ones."""

from __future__ import annotations

import re
import reprlib
import string
from collections.abc import Mapping
from functools import partial
from typing import NamedTuple

from advisor.facts import Facts
from advisor.rules.base import BLOCK, LOG_ODDS, Effect, Effects, Rule, Strength
from advisor.rules.condition import Condition, ConditionError, fact_types, meant
from advisor.rules.start import PRIOR
from probes.errors import SettingError

KEYS = ("id", "title", "when", "effect", "because", "source", "strength", "what_to_do", "overrules")
"""What a rule file may say of a rule."""
LARGEST = LOG_ODDS["S"]
"""Nats that one rule can add or take: the weight of strong evidence."""

NATS: dict[str, float] = {
    **{
        f"{sign}{strength}": factor * nats
        for sign, factor in (("+", 1), ("-", -1))
        for strength, nats in LOG_ODDS.items()
    },
    "block": BLOCK,
}
"""Nats of each word for an effect."""
_EFFECTS = f"Allowed: {', '.join(NATS)}, or a number of nats from {-LARGEST} to {LARGEST}."
_SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


class Custom(NamedTuple):
    """A rule read from a file."""

    rule: Rule
    overrules: str | None
    """Id of the rule whose place it takes."""


def custom_rule(values: object, where: str, origin: str, known: Mapping[str, Rule]) -> Custom:
    """Make a rule of what a file says.

    Parameters
    ----------
    values : object
        What the file holds for this rule; a mapping of `KEYS`, if it is right.
    where : str
        What to call the place in a message.
    origin : str
        The file, as the advice shows it.
    known : mapping
        The rules that it may overrule, by id.

    Raises
    ------
    SettingError
        When it cannot be used; the message says what was got, what is allowed and what to do.

    Examples
    --------
    >>> made = custom_rule({"id": "cheap-labels", "title": "Label more", "when": "rows < 500", "effect": {"lora": "-W"},
    ...     "because": "{rows} rows are few.", "source": "Team handbook"}, "rules.yaml", "rules.yaml", {}).rule
    >>> [effect.because() for effect in made.ask(Facts(rows=200))], made.ask(Facts(rows=900)), made.ask(Facts())
    (['200 rows are few.'], None, None)
    """
    if not isinstance(values, Mapping):
        raise SettingError(
            f"{where} is {reprlib.repr(values)}, not a rule",
            f"Write a rule as a mapping with the keys {_listed(KEYS)}.",
        )
    name = values.get("id")
    where = f"{where} ({name})" if isinstance(name, str) and _SLUG.fullmatch(name) else where
    for key in values:
        if key not in KEYS:
            raise SettingError(
                f"{where}: there is no key {reprlib.repr(key)}", f"{meant(str(key), KEYS)}Keys: {_listed(KEYS)}."
            )
    identity = _text(values, "id", where)
    if not _SLUG.fullmatch(identity):
        raise SettingError(
            f"{where}: id is {identity!r}", "Write it in lower case with hyphens, for example `acme-lora-first`."
        )
    overruled = _overruled(values, where, known)
    if values.get("effect") == "none":
        return Custom(_silenced(values, identity, where, origin, overruled), _text(values, "overrules", where))
    weights = _weights(values.get("effect"), where)
    condition = _condition(values.get("when"), where)
    template = _template(_text(values, "because", where), where)

    def ask(facts: Facts) -> Effects | None:
        return (Effect(partial(_fill, template, facts), weights),) if condition.holds(facts) else None

    told = f"Holds when {condition.text}. Effects: {_listed(tuple(map(_effect, weights.items())))}."
    ask.__doc__ = _docs(_text(values, "title", where), told, values, where, origin, overruled)
    rule = Rule(
        id=identity,
        strength=_strength(values.get("strength"), weights, where),
        source=_text(values, "source", where),
        touches=tuple(weights),
        ask=ask,
        origin=origin,
    )
    return Custom(rule, overruled.id if overruled else None)


def _listed(words: tuple[str, ...]) -> str:
    return ", ".join(words)


def _plain(text: str) -> str:
    """Put a text on one line, without the control characters that could rewrite a terminal."""
    return "".join(sign for sign in " ".join(text.split()) if sign.isprintable())


_NEEDED = {
    "id": "a name in lower case with hyphens, which explanations and messages use",
    "title": "what the rule says, in one line",
    "because": "the reason in one sentence; {rows} and other facts in braces are filled in",
    "source": "where it comes from: a paper and table, a measurement of yours, or who decided it",
    "what_to_do": "one or two sentences",
    "overrules": "the id of the rule whose place it takes",
}


def _text(values: Mapping[str, object], key: str, where: str) -> str:
    value = values.get(key)
    if value is None or (isinstance(value, str) and not _plain(value)):
        raise SettingError(f"{where}: {key} is missing", f"Add `{key}:`, {_NEEDED[key]}.")
    if not isinstance(value, str):
        raise SettingError(f"{where}: {key} is {reprlib.repr(value)}, not a text", f"Write {_NEEDED[key]}.")
    return _plain(value)


def _overruled(values: Mapping[str, object], where: str, known: Mapping[str, Rule]) -> Rule | None:
    if values.get("overrules") is None:
        return None
    name = _text(values, "overrules", where)
    if name not in known:
        raise SettingError(
            f"{where}: overrules names {name!r}, and no rule is called so",
            f"{meant(name, known)}`advisor rules` lists the rules; to add one, leave `overrules` out.",
        )
    return known[name]


def _weights(effect: object, where: str) -> dict[str, float]:
    """Read nats by strategy."""
    if not isinstance(effect, Mapping) or not effect:
        got = "is missing" if effect is None else f"is {reprlib.repr(effect)}"
        raise SettingError(
            f"{where}: effect {got}",
            "Write one strategy a line, for example `lora: +M`; `effect: none`, with `overrules`, switches a rule off.",
        )
    found = {}
    for strategy, value in effect.items():
        if strategy not in PRIOR:
            raise SettingError(
                f"{where}: effect names {reprlib.repr(strategy)}, which is no strategy",
                f"{meant(str(strategy), PRIOR)}Strategies: {_listed(tuple(PRIOR))}.",
            )
        if isinstance(value, str) and value in NATS:
            found[strategy] = NATS[value]
        elif isinstance(value, int | float) and not isinstance(value, bool) and -LARGEST <= value <= LARGEST:
            found[strategy] = float(value)
        else:
            raise SettingError(f"{where}: the effect on {strategy} is {reprlib.repr(value)}", _EFFECTS)
    return found


def _condition(when: object, where: str) -> Condition:
    if isinstance(when, bool):
        return Condition(str(when))
    if when is None or not isinstance(when, str) or not when.strip():
        got = "is missing" if when is None or when == "" else f"is {reprlib.repr(when)}"
        raise SettingError(
            f"{where}: when {got}", "Write a condition over facts, for example `when: rows < 500`, or `when: true`."
        )
    try:
        return Condition(" ".join(when.split()))
    except ConditionError as error:
        raise SettingError(f"{where}: when {error.what}", error.remedy) from None


def _strength(given: object, weights: Mapping[str, float], where: str) -> Strength:
    """Read how good the evidence is; unsaid, the least that allows the effects."""
    largest = max((abs(value) for value in weights.values() if value != BLOCK), default=0.0)
    for strength, nats in LOG_ODDS.items():
        if (given is None and largest <= nats) or given == strength:
            if largest > nats:
                raise SettingError(
                    f"{where}: an effect of {largest:g} nats is more than strength {strength} allows ({nats:g})",
                    "No effect is larger than its evidence: lower it, or raise the strength.",
                )
            return strength
    raise SettingError(
        f"{where}: strength is {reprlib.repr(given)}", "Allowed: W (weak), M (medium) or S (strong evidence)."
    )


def _template(text: str, where: str) -> tuple[tuple[str, str | None], ...]:
    """Split a sentence into texts and the facts between them."""
    parts = []
    try:
        for literal, fact, form, conversion in string.Formatter().parse(text):
            if form or conversion:
                raise ValueError(f"{{{fact}}} has a format")
            if fact is not None and fact not in fact_types():
                raise SettingError(
                    f"{where}: because names {fact!r}, which is no fact",
                    f"{meant(fact, fact_types())}Facts: {', '.join(sorted(fact_types()))}.",
                )
            parts.append((literal, fact))
    except ValueError as error:
        raise SettingError(
            f"{where}: because cannot be filled in: {error}",
            "Write facts in braces by name alone, such as {rows}; a brace itself is written twice.",
        ) from None
    return tuple(parts)


def _fill(template: tuple[tuple[str, str | None], ...], facts: Facts) -> str:
    """Write the sentence with the user's numbers."""
    return "".join(literal + ("" if fact is None else _shown(getattr(facts, fact))) for literal, fact in template)


def _shown(value: object) -> str:
    if value is None or value == ():
        return "(not known)"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int) or (isinstance(value, float) and abs(value) >= 1_000):
        return f"{value:,.0f}"
    if isinstance(value, float):
        return f"{value:.4g}"
    return _plain(", ".join(map(str, value)) if isinstance(value, tuple) else str(value))


def _effect(weight: tuple[str, float]) -> str:
    """Write what the rule does to one strategy.

    Examples
    --------
    >>> _effect(("lora", 0.9)), _effect(("full", BLOCK)), _effect(("dora", 0.0))
    ('lora +0.90', 'full blocked', 'dora note')
    """
    name, nats = weight
    return f"{name} {'blocked' if nats == BLOCK else 'note' if nats == 0 else f'{nats:+.2f}'}"


def _docs(title: str, holds: str, values: Mapping[str, object], where: str, origin: str, overruled: Rule | None) -> str:
    """Write the documentation, built like that of the built-in rules."""
    instead = f" It takes the place of {overruled.id} ({overruled.title})." if overruled else ""
    advised = _text(values, "what_to_do", where) if values.get("what_to_do") is not None else "read the source."
    return (
        f"{title.rstrip('.')}.\n\nA rule of your team's own, from {origin}. {holds}{instead}\n\n"
        f"Because: {_text(values, 'because', where)}\n\nWhat to do: {advised}"
    )


def _silenced(values: Mapping[str, object], identity: str, where: str, origin: str, overruled: Rule | None) -> Rule:
    """Make the rule that stands where another was switched off: it says so where that one would have spoken."""
    if overruled is None:
        raise SettingError(
            f"{where}: effect is none, and no rule is named that this switches off",
            "Add `overrules: <id of the rule>`.",
        )
    if extra := [key for key in ("when", "strength") if values.get(key) is not None]:
        raise SettingError(
            f"{where}: {extra[0]} says nothing where effect is none", f"Leave `{extra[0]}` out: the rule is off always."
        )
    template = _template(_text(values, "because", where), where)
    asked = overruled.ask

    def ask(facts: Facts) -> Effects | None:
        silenced = {strategy for effect in asked(facts) or () for strategy in effect.weights}
        noted = {strategy: 0.0 for strategy in overruled.touches if strategy in silenced}
        return (Effect(partial(_fill, template, facts), noted),) if noted else None

    title = _text(values, "title", where) if values.get("title") is not None else f"Switched off: {overruled.title}"
    ask.__doc__ = _docs(
        title, "It changes no odds, and says where that rule would have.", values, where, origin, overruled
    )
    return Rule(
        id=identity,
        strength="W",
        source=_text(values, "source", where),
        touches=overruled.touches,
        ask=ask,
        origin=origin,
    )
