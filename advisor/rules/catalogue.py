"""The rule base as a table to read: every rule with its source, its bands, and what it says of an example."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from advisor.facts import Facts
from advisor.rules import RULES
from advisor.rules.base import Rule


def rules_table(rules: Sequence[Rule] = RULES) -> list[dict[str, Any]]:
    """Return what there is to know about each rule, in the order in which they are asked.

    Parameters
    ----------
    rules : sequence of Rule, default all of them

    Returns
    -------
    list of dict
        For each rule `id`, `title`, `family`, `strength`, `source`, `strategies`, `docs`, `thresholds`, `example` and
        `origin`.

    Examples
    --------
    >>> rules_table()[0]["title"]
    'Start with the lightest strategy'
    """
    return [
        {
            "id": rule.id,
            "title": rule.title,
            "family": rule.family,
            "strength": rule.strength,
            "source": rule.source,
            "strategies": list(rule.touches),
            "docs": rule.docs,
            "thresholds": [{**band._asdict(), "band": band.band} for band in rule.thresholds],
            "example": example_of(rule),
            "origin": rule.origin,
        }
        for rule in rules
    ]


def example_of(rule: Rule) -> dict[str, Any]:
    """Run a rule on its own example.

    Returns
    -------
    dict
        `facts`, the example, and `effects`: a list of `because`, the sentence, and `strategies`, the nats of each or
        "block".

    Examples
    --------
    >>> example_of(RULES[0])["effects"][1]["strategies"]
    {'baseline': 0.5}
    """
    said = rule.ask(Facts.model_validate(dict(rule.example))) or ()
    return {
        "facts": dict(rule.example),
        "effects": [
            {
                "because": effect.because if isinstance(effect.because, str) else effect.because(),
                "strategies": {
                    name: "block" if weight == -math.inf else round(weight, 6)
                    for name, weight in effect.weights.items()
                },
            }
            for effect in said
        ],
    }
