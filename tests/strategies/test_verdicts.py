"""From evidence to a verdict: a table."""

from __future__ import annotations

import re
from typing import Any

import pytest

from strategies import STRATEGIES, Candidate, Outcome, Verdict
from strategies.base import Strategy
from tests.strategies.made_evidence import (
    BEST,
    BEST_OF_ONE_SEED,
    FEW,
    NEAR,
    OPEN,
    UNDERFIT,
    WORSE,
    comparison,
    evidence,
    gap,
    measurement,
    unfinished,
    unreached,
)

REFUTED = Outcome.REFUTED, r"5\.0 points below the best, .*at least 3\.0 below", ""
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
    ("best", {"comparison": BEST}, Outcome.CONFIRMED, r"the best measured, .*at most 0\.4 below \(tolerance 1\)", ""),
    ("near", {"comparison": NEAR}, Outcome.CONFIRMED, r"0\.2 points below the best, .*at most 0\.8 below", ""),
    (
        "alone",
        {"comparison": BEST, "rival": None},
        Outcome.UNDECIDED,
        "nothing else was measured, so there is nothing to compare it with",
        r"^A new run with candidates to compare it with \(`--strategies`, `--model`\), or .* enough \(`--target`\)\.$",
    ),
    (
        "alone and good enough",
        {"comparison": BEST, "rival": None, "target": 0.8},
        Outcome.CONFIRMED,
        r"nothing else was measured\. It meets the target of 0\.800\.$",
        "",
    ),
    (
        "rivals without time",
        {"comparison": BEST, "unreached": (unreached("lora", 240.0), unreached("dora", 360.0))},
        Outcome.UNDECIDED,
        r" But the budget left no time for lora on tiny and dora on tiny\.$",
        r"^`--resume --run RUN` with a longer --budget measures lora on tiny and dora on tiny \(about 10 min here\)\.$",
    ),
    (
        "rivals without time, and one on fewer rows",
        {"comparison": BEST, "unfinished": (unfinished("lora", 0.9),), "unreached": (unreached("dora", None),)},
        Outcome.UNDECIDED,
        r"may reach 0\.900 \(95 %\); the budget left no time for dora on tiny\.$",
        r"lets lora on tiny learn from 1,000 rows \(about \d+ s here\) and measures dora on tiny\.$",
    ),
    (
        "rivals that failed",
        {
            "comparison": BEST,
            "failed": (Candidate(strategy="lora", model="tiny"),),
            "failed_higher": (Candidate(strategy="dora", model="tiny"),),
        },
        Outcome.CONFIRMED,
        r" Not measured: lora on tiny\. Not measured with all rows: dora on tiny\.$",
        "",
    ),
    ("worse, rivals without time", {"comparison": WORSE, "unreached": (unreached("lora", 9.0),)}, *REFUTED),
    ("worse", {"comparison": WORSE}, *REFUTED),
    (
        "open",
        {},
        Outcome.UNDECIDED,
        r"between 0\.2 and 3\.0 below at 95 %",
        r"^About 2,012 test rows \(now 1,200\), 812 more labels if all go to the test, if the difference to lora",
    ),
    (
        "at the edge",
        {"comparison": comparison(gap=gap(distance=0.0))},
        Outcome.UNDECIDED,
        "between",
        "right at the edge of the tolerance against lora on tiny",
    ),
    (
        "open for want of seeds",
        {
            "comparison": comparison(gap=gap(rows=20_000, seed_variances=(0.01**2, 0.01**2), seeds=(3, 3))),
            "measurements": (measurement(seconds=61.0),) * 3,
        },
        Outcome.UNDECIDED,
        "between",
        r"^5 seeds of it and lora on tiny \(`--resume --run RUN --seeds 5`; .* about 4 min here\), if .* as seen\.$",
    ),
    (
        "open for want of seeds or rows",
        {"comparison": comparison(gap=gap(rows=1_800, seed_variances=(0.002**2, 0.0), seeds=(3, 1), distance=0.0214))},
        Outcome.UNDECIDED,
        "between",
        r"^4 seeds of it \(`--resume --run RUN --seeds 4`; .* about 6 s here\), if .*; or about [\d,]+ test rows",
    ),
    (
        "open for want of both",
        {"comparison": comparison(gap=gap(seed_variances=(0.014**2, 0.0), seeds=(3, 1)))},
        Outcome.UNDECIDED,
        "between",
        r"^\d+ seeds of it \(.*\) and about [\d,]+ test rows .* as seen\.$",
    ),
    (
        "open for want of more than anybody runs",
        {"comparison": comparison(gap=gap(seed_variances=(0.05**2, 0.0), seeds=(3, 1)))},
        Outcome.UNDECIDED,
        "between",
        r"^More than 20 seeds and more than 2,012 test rows \(now 1,200\), if",
    ),
    (
        "one seed, its spread assumed",
        {"comparison": comparison(gap=gap(rows=20_000, seed_variances=(0.014**2, 0.0)))},
        Outcome.UNDECIDED,
        "between",
        r"^First 3 seeds of it \(`--resume --run RUN --seeds 3`; .* about 4 s here\)\. As it looks now, then \d+ seeds",
    ),
    # law 3: no refutation without a fair chance
    (
        "underfit",
        {"comparison": WORSE, "measurements": (UNDERFIT,)},
        Outcome.UNDECIDED,
        r"^not refuted: underfit: training loss 1\.200 .*5\.0 points below",
        r"longer training or another learning rate .*twice as many take about 4 s here\)",
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
        r"longer --budget lets it learn from 1,000 rows \(about \d+ s here\)\.$",
    ),
    (
        "fewer rows, behind and open",
        {"comparison": OPEN, "measurements": (FEW,)},
        Outcome.UNDECIDED,
        "It may do better still: it learned from 400 of the 1,000 training rows",
        "^`--resume --run RUN` with a longer --budget lets it learn from 1,000 rows",
    ),
    (
        "rivals on fewer rows may pass",
        {"comparison": BEST, "unfinished": (unfinished("lora", 0.9), unfinished("top_layers", None))},
        Outcome.UNDECIDED,
        (
            r"But lora on tiny learned from 400 rows, and with 1,000 may reach 0\.900 \(95 %\); "
            r"top_layers on tiny .* may pass it \(nothing was recorded\)\.$"
        ),
        "lets lora on tiny and top_layers on tiny learn from 1,000 rows",
    ),
    (
        "it and a rival on fewer rows",
        {"comparison": BEST, "measurements": (FEW,), "short": True, "unfinished": (unfinished("lora", 0.9),)},
        Outcome.UNDECIDED,
        r"But lora on tiny learned from 400 rows, and with 1,000 may reach 0\.900 \(95 %\)\.$",
        "lets it and lora on tiny learn from 1,000 rows",
    ),
    (
        "it failed with more rows, a rival on fewer",
        {"comparison": BEST, "measurements": (FEW,), "failure": "no room", "unfinished": (unfinished("lora", 0.9),)},
        Outcome.UNDECIDED,
        "But lora on tiny learned from 400 rows",
        "lets lora on tiny learn from 1,000 rows",
    ),
    (
        "it on fewer rows, and no time for a rival",
        {"comparison": BEST, "measurements": (FEW,), "unreached": (unreached("lora", 9.0),)},
        Outcome.UNDECIDED,
        "But the budget left no time for lora on tiny",
        r"^`--resume --run RUN` with a longer --budget measures lora on tiny \(about 9 s here\)\.$",
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
    (
        "target met",
        {"comparison": BEST, "target": 0.83},
        Outcome.CONFIRMED,
        r"the best .* It meets the target of 0\.830\.$",
        "",
    ),
    (
        "target within the interval",
        {"comparison": BEST, "target": 0.85},
        Outcome.UNDECIDED,
        "the best",
        r"^Neither seeds nor test rows: the score lies right at the target of 0\.850",
    ),
    (
        "target nearly missed",
        {"comparison": BEST, "target": 0.84},
        Outcome.UNDECIDED,
        "the best",
        r"^About 10,\d+ test rows \(now 1,200\).* if the difference to the target of 0\.840 is as seen\.$",
    ),
    (
        "target nearly missed by one seed",
        {"comparison": BEST_OF_ONE_SEED, "target": 0.84},
        Outcome.UNDECIDED,
        "the best",
        r"^First 3 seeds of it \(`--resume --run RUN --seeds 3`; .* about 4 s here\)\. As it looks now, then \d+ seeds",
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
