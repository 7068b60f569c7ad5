"""The rules, one file per family, in the order in which they are asked."""

from __future__ import annotations

from advisor.rules import (
    adaptation,
    adapters,
    budget,
    deployment,
    domain,
    features,
    knowledge,
    prompting,
    quantisation,
    recipes,
    resources,
    stability,
    start,
    task,
    team,
    transfer,
    tuning,
    volume,
)
from advisor.rules.base import BLOCK, LOG_ODDS, Effect, Effects, Rule, Threshold

RULES: tuple[Rule, ...] = (
    *start.RULES,
    *task.RULES,
    *volume.RULES,
    *features.RULES,
    *tuning.RULES,
    *adapters.RULES,
    *recipes.RULES,
    *prompting.RULES,
    *knowledge.RULES,
    *domain.RULES,
    *transfer.RULES,
    *adaptation.RULES,
    *deployment.RULES,
    *stability.RULES,
    *resources.RULES,
    *quantisation.RULES,
    *budget.RULES,
    *team.RULES,
)

__all__ = ["BLOCK", "LOG_ODDS", "RULES", "Effect", "Effects", "Rule", "Threshold"]
