"""KNOWS: one module per way of adapting a model: when it applies, its recipes, its cost, and what confirms it."""

from __future__ import annotations

from strategies.base import Candidate, Evidence, Outcome, Situation, Strategy, Verdict
from strategies.baseline import Baseline
from strategies.full import Full
from strategies.linear_probe import LinearProbe
from strategies.lora import LowRankAdapters
from strategies.prompted import FewShot, ZeroShot

STRATEGIES: tuple[Strategy, ...] = (
    Baseline(),
    ZeroShot(),
    FewShot(),
    LinearProbe(),
    LowRankAdapters(),
    Full(),
)
"""Every strategy, lightest first: by what it costs to train, to serve and to keep up."""

NAMES: tuple[str, ...] = tuple(strategy.name for strategy in STRATEGIES)
"""Their names, in the same order."""

__all__ = ["NAMES", "STRATEGIES", "Candidate", "Evidence", "Outcome", "Situation", "Strategy", "Verdict"]
