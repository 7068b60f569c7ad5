"""From evidence to a verdict: a table."""

from __future__ import annotations

from typing import Any

import pytest

from probes.measurement import Measurement, Trial
from probes.recipe import BagOfWords
from probes.statistics import Comparison, Interval
from strategies import STRATEGIES, Candidate, Evidence, Outcome, Verdict
from strategies.base import Strategy

TRIAL = Trial(
    setting="learning_rate=5e-05",
    train_rows=100,
    validation_score=0.9,
    validation_loss=0.3,
    converged=True,
    seconds=1.0,
)


def measurement(**more: Any) -> Measurement:
    settings: dict[str, Any] = {
        "strategy": "full",
        "model": "tiny",
        "recipe": BagOfWords(),
        "train_rows": 1_000,
        "seed": 0,
        "metric": "accuracy",
        "score": 0.85,
        "validation_score": 0.86,
        "predictions": (0, 1),
        "seconds": 3.0,
        "peak_bytes": 1,
        "tokens": 1,
        "trials": (TRIAL,),
    }
    return Measurement(**(settings | more))


def comparison(**more: Any) -> Comparison:
    settings: dict[str, Any] = {
        "score": Interval(mean=0.85, low=0.83, high=0.87),
        "delta": Interval(mean=-0.012, low=-0.03, high=-0.002),
        "disagreement": 0.1,
        "margin": -0.002,
        "p_not_worse": 0.4,
        "p_worse": 0.6,
        "confirmed": False,
        "refuted": False,
    }
    return Comparison(**(settings | more))


def evidence(**more: Any) -> Evidence:
    settings: dict[str, Any] = {
        "candidate": Candidate(strategy="full", model="tiny"),
        "measurements": (measurement(),),
        "comparison": comparison(),
        "rival": "lora on tiny",
        "rows": 1_000,
        "test_rows": 1_200,
        "tolerance": 0.01,
    }
    return Evidence(**(settings | more))


BEST = comparison(delta=Interval(mean=0, low=-0.004, high=0), confirmed=True)
NEAR = comparison(delta=Interval(mean=-0.002, low=-0.008, high=0), confirmed=True)
WORSE = comparison(delta=Interval(mean=-0.05, low=-0.07, high=-0.03), refuted=True)
OPEN = comparison()
UNDERFIT = measurement(converged=False, why_not="underfit: training loss 1.200 against 0.400 of the linear probe")
FEW = measurement(train_rows=400)

TABLE = [
    ("blocked", {"blocked": "tiny is an encoder"}, Outcome.NOT_APPLICABLE, "^tiny is an encoder$", ""),
    (
        "blocked before all else",
        {"blocked": "no model", "comparison": None, "failure": "memory ran out"},
        Outcome.NOT_APPLICABLE,
        "^no model$",
        "",
    ),
    (
        "failed",
        {"comparison": None, "measurements": (), "failure": "memory ran out"},
        Outcome.NOT_MEASURED,
        "^memory ran out$",
        "",
    ),
    ("not reached", {"comparison": None, "measurements": ()}, Outcome.NOT_MEASURED, "^it was not measured$", ""),
    ("best", {"comparison": BEST}, Outcome.CONFIRMED, r"the best measured, .*at most 0\.4 below \(tolerance 1\)", ""),
    ("near", {"comparison": NEAR}, Outcome.CONFIRMED, r"0\.2 points below the best, .*at most 0\.8 below", ""),
    ("alone", {"comparison": BEST, "rival": None}, Outcome.CONFIRMED, "nothing else was measured", ""),
    ("worse", {"comparison": WORSE}, Outcome.REFUTED, r"5\.0 points below the best, .*at least 3\.0 below", ""),
    ("open", {}, Outcome.UNDECIDED, r"between 0\.2 and 3\.0 below at 95 %", r"^About [\d,]+ test rows \(now 1,200\)"),
    (
        "at the edge",
        {"comparison": comparison(margin=0.0)},
        Outcome.UNDECIDED,
        "between",
        "right at the edge of the tolerance against lora on tiny",
    ),
    # law 3: no refutation without a fair chance
    (
        "underfit",
        {"comparison": WORSE, "measurements": (UNDERFIT,)},
        Outcome.UNDECIDED,
        r"^not refuted: underfit: training loss 1\.200 .*5\.0 points below",
        "longer training or another learning rate",
    ),
    (
        "one seed underfit",
        {"comparison": WORSE, "measurements": (measurement(), UNDERFIT)},
        Outcome.UNDECIDED,
        "^not refuted: underfit",
        "learning rate",
    ),
    (
        "fewer rows",
        {"comparison": WORSE, "measurements": (FEW,)},
        Outcome.UNDECIDED,
        "^not refuted: it learned from 400 of the 1,000 training rows",
        "longer --budget",
    ),
    (
        "underfit and short of the target",
        {"comparison": OPEN, "measurements": (UNDERFIT,), "target": 0.95},
        Outcome.UNDECIDED,
        "^not refuted: underfit",
        "learning rate",
    ),
    ("underfit and still good", {"comparison": BEST, "measurements": (UNDERFIT,)}, Outcome.CONFIRMED, "the best", ""),
    # the target
    ("target met", {"comparison": BEST, "target": 0.83}, Outcome.CONFIRMED, "the best", ""),
    (
        "target within the interval",
        {"comparison": BEST, "target": 0.85},
        Outcome.UNDECIDED,
        "the best",
        r"More test rows: its interval holds the target of 0\.850",
    ),
    (
        "target missed by the best",
        {"comparison": BEST, "target": 0.9},
        Outcome.REFUTED,
        r"The target of 0\.900 lies above its interval",
        "",
    ),
    (
        "target missed by all there is",
        {"comparison": BEST, "target": 0.9, "rival": None},
        Outcome.REFUTED,
        r"nothing else was measured\. The target of 0\.900",
        "",
    ),
    ("target missed, open", {"target": 0.9}, Outcome.REFUTED, r"The target of 0\.900", ""),
    ("target met, open", {"target": 0.8}, Outcome.UNDECIDED, "between", "test rows"),
    ("target met, worse", {"comparison": WORSE, "target": 0.8}, Outcome.REFUTED, "at least 3.0 below", ""),
]


@pytest.mark.parametrize(
    ("changes", "outcome", "because", "settle"), [row[1:] for row in TABLE], ids=[r[0] for r in TABLE]
)
@pytest.mark.parametrize("strategy", STRATEGIES, ids=lambda s: s.name)
def test_the_table(strategy: Strategy, changes: dict[str, Any], outcome: Outcome, because: str, settle: str) -> None:
    import re

    verdict = strategy.confirm(evidence(**changes))
    assert verdict.verdict == outcome
    assert re.search(because, verdict.because), verdict.because
    assert re.search(settle, verdict.settle), verdict.settle
    assert bool(settle) == bool(verdict.settle)
    assert (verdict.strategy, verdict.model) == ("full", "tiny")
    assert Verdict.model_validate_json(verdict.model_dump_json()) == verdict


def test_every_outcome_is_in_the_table() -> None:
    assert {row[2] for row in TABLE} == set(Outcome)


def test_a_measured_candidate_shows_its_numbers() -> None:
    verdict = STRATEGIES[0].confirm(evidence(measurements=(measurement(metric="macro_f1"), measurement(seed=1))))
    assert verdict.score == OPEN.score
    assert verdict.delta == OPEN.delta
    assert verdict.because.startswith("macro-f1 0.850 [0.830, 0.870] on 1,200 test rows over 2 seeds: 1.2 points below")


def test_more_rows_are_asked_for_than_there_are() -> None:
    close = comparison(disagreement=0.0, margin=-0.005)
    verdict = STRATEGIES[0].confirm(evidence(comparison=close))
    assert verdict.settle.startswith("About 1,201 test rows (now 1,200)")
