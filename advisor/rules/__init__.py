"""The rules, one file per family, in the order in which they are asked."""

from __future__ import annotations

from advisor.rules import adapters, features, recipes, start, task, tuning, volume
from advisor.rules.base import BLOCK, LOG_ODDS, Effect, Effects, Rule, Threshold

RULES: tuple[Rule, ...] = (
    *start.RULES,
    *task.RULES,
    *volume.RULES,
    *features.RULES,
    *tuning.RULES,
    *adapters.RULES,
    *recipes.RULES,
)

__all__ = ["BLOCK", "LOG_ODDS", "RULES", "Effect", "Effects", "Rule", "Threshold"]
