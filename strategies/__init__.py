"""KNOWS: one module per way of adapting a model: when it applies, its recipes, its cost, and what confirms it."""

from __future__ import annotations

from strategies.base import Candidate, Evidence, Outcome, Situation, Strategy, Unfinished, Unreached, Verdict
from strategies.baseline import Baseline
from strategies.continued_pretraining import DomainAdaptive, TaskAdaptive
from strategies.distillation import Distillation
from strategies.domain_alignment import DomainAlignment
from strategies.from_scratch import FromScratch
from strategies.full import Full
from strategies.ia3 import LearnedFactors
from strategies.linear_probe import LinearProbe
from strategies.lora import LowRankAdapters, QuantisedLora, WeightDecomposedLora
from strategies.no_model import NoModel
from strategies.partial import EarlyLayers, TopLayers
from strategies.prompt_tuning import PromptTuning
from strategies.prompted import FewShot, ManyShot, RetrievedFewShot, ZeroShot
from strategies.retrieval import Retrieval
from strategies.setfit import SetFit

STRATEGIES: tuple[Strategy, ...] = (
    NoModel(),
    Baseline(),
    ZeroShot(),
    FewShot(),
    RetrievedFewShot(),
    ManyShot(),
    Retrieval(),
    LinearProbe(),
    SetFit(),
    PromptTuning(),
    LearnedFactors(),
    LowRankAdapters(),
    QuantisedLora(),
    WeightDecomposedLora(),
    EarlyLayers(),
    TopLayers(),
    Full(),
    Distillation(),
    DomainAlignment(),
    TaskAdaptive(),
    DomainAdaptive(),
    FromScratch(),
)
"""Every strategy, lightest first: by what it costs to train, to serve and to keep up."""

NAMES: tuple[str, ...] = tuple(strategy.name for strategy in STRATEGIES)
"""Their names, in the same order."""

CORE: tuple[str, ...] = ("baseline", "zero_shot", "few_shot", "linear_probe", "lora", "full")
"""What is measured where the user names none: one of each mechanism."""

__all__ = [
    "CORE",
    "NAMES",
    "STRATEGIES",
    "Candidate",
    "Evidence",
    "Outcome",
    "Situation",
    "Strategy",
    "Unfinished",
    "Unreached",
    "Verdict",
]
