"""From evidence to a verdict: a table."""

from __future__ import annotations

from typing import Any

import pytest

from probes.comparison import Comparison
from probes.measurement import Measurement
from probes.power import Gap
from probes.recipe import BagOfWords, Tuning
from probes.statistics import Interval
from strategies import STRATEGIES, Candidate, Evidence, Outcome, Unfinished, Unreached, Verdict
from strategies.base import Strategy
from tests.advisor.made_verdicts import TRIAL


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
        "search_seconds": 1.0,
    }
    return Measurement(**(settings | more))


def gap(**more: Any) -> Gap:
    settings: dict[str, Any] = {
        "rival": 1,
        "distance": -0.02,
        "level": 0.025,
        "power": 0.8,
        "rows": 1_200,
        "row_variance": 0.1,
        "seed_variances": (0.0, 0.0),
        "seeds": (1, 1),
    }
    return Gap(**(settings | more))


def comparison(**more: Any) -> Comparison:
    settings: dict[str, Any] = {
        "score": Interval(mean=0.85, low=0.83, high=0.87),
        "seed_variance": 0.0,
        "delta": Interval(mean=-0.012, low=-0.03, high=-0.002),
        "gap": gap(),
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
        "against": Candidate(strategy="lora", model="tiny"),
        "against_measurements": (measurement(strategy="lora", seconds=31.0),),
        "labelled": 6_000,
        "rows": 1_000,
        "search_rows": 1_000,
        "test_rows": 1_200,
        "tolerance": 0.01,
    }
    return Evidence(**(settings | more))


FULL = next(s for s in STRATEGIES if s.name == "full")
BEST = comparison(delta=Interval(mean=0, low=-0.004, high=0), confirmed=True)
BEST_OF_ONE_SEED = BEST.model_copy(update={"seed_variance": 0.014**2})
NEAR = comparison(delta=Interval(mean=-0.002, low=-0.008, high=0), confirmed=True)
WORSE = comparison(delta=Interval(mean=-0.05, low=-0.07, high=-0.03), refuted=True)
OPEN = comparison()
UNDERFIT = measurement(converged=False, why_not="underfit: training loss 1.200 against 0.400 of the linear probe")
FEW = measurement(train_rows=400)


def unfinished(strategy: str, most: float | None) -> Unfinished:
    return Unfinished(
        candidate=Candidate(strategy=strategy, model="tiny"),
        measurements=(measurement(strategy=strategy, train_rows=400),),
        rows=1_000,
        most=most,
        why_not="" if most else "nothing was recorded",
    )


def unreached(strategy: str, seconds: float | None) -> Unreached:
    return Unreached(candidate=Candidate(strategy=strategy, model="tiny"), because="no time", seconds=seconds)


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
    ("not reached", {"comparison": None, "measurements": ()}, Outcome.NOT_MEASURED, "^it was not measured$", ""),
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
        r"longer training or another learning rate .*\(twice as many take about 4 s here\)",
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
        {"comparison": BEST, "measurements": (FEW,), "unfinished": (unfinished("lora", 0.9),)},
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
    close = comparison(gap=gap(distance=0.5))
    verdict = STRATEGIES[0].confirm(evidence(comparison=close))
    assert verdict.settle.startswith("About 1,201 test rows (now 1,200)")


@pytest.mark.parametrize("rows", [2, 29, 30])
@pytest.mark.parametrize(
    "changes",
    [
        {"comparison": OPEN},
        {"comparison": comparison(gap=gap(distance=-0.0214, seed_variances=(0.014**2, 0.0)))},
        {"comparison": BEST, "target": 0.8},
    ],
    ids=["rows", "seeds and rows", "target"],
)
def test_test_rows_reckoned_from_few_are_said_to_be(changes: dict[str, Any], rows: int) -> None:
    found = changes["comparison"]
    few = found.model_copy(update={"gap": found.gap.model_copy(update={"rows": rows})})
    wide = few.model_copy(update={"score": Interval(mean=0.85, low=0.5, high=1.0)})
    settle = FULL.confirm(evidence(**changes | {"comparison": wide, "test_rows": rows})).settle
    assert "test rows (now" in settle
    assert (f"(now {rows}; reckoned from {rows} rows: little to go by)" in settle) == (rows < 30)


def test_a_further_seed_costs_no_search() -> None:
    """Its searched setting took one second of three; a further seed takes two, and three where that was reused."""
    close = comparison(gap=gap(rows=20_000, seed_variances=(0.01**2, 0.0), seeds=(3, 1), distance=0.021))
    plain, searched, reused = (
        STRATEGIES[0].confirm(evidence(comparison=close, measurements=(measurement(**more),) * 3)).settle
        for more in ({"trials": (), "search_seconds": 0.0}, {}, {"search_seconds": 0.0})
    )
    seeds = int(plain.split()[0])
    assert f"take about {3 * (seeds - 3)} s here" in plain
    assert f"take about {2 * (seeds - 3)} s here" in searched
    assert f"take about {3 * (seeds - 3)} s here" in reused


@pytest.mark.parametrize(("rows", "seconds"), [(1_000, 9), (100, 4)])
def test_one_without_a_search_is_told_what_a_search_takes(rows: int, seconds: int) -> None:
    """Three rates on all rows, the best of which is the measurement; or on a tenth of them, and then all rows again."""
    bare = measurement(trials=(), search_seconds=0.0)
    verdict = FULL.confirm(evidence(comparison=WORSE, measurements=(bare,), search_rows=rows))
    assert verdict.because.startswith("not refuted: there was no time to search its learning rate")
    assert verdict.settle == f"`--resume --run RUN` with a longer --budget allows the search (about {seconds} s here)."


def test_one_whose_search_ended_at_an_edge_is_told_what_each_further_rate_takes() -> None:
    recipe = Tuning(pooling="mean", max_length=16, learning_rate=1e-4)
    trials = tuple(
        TRIAL.model_copy(update={"setting": f"learning_rate={rate:g}", "validation_score": score})
        for rate, score in ((5e-5, 0.8), (1e-4, 0.9))
    )
    at_edge = measurement(recipe=recipe, trials=trials)
    verdict = FULL.confirm(evidence(comparison=WORSE, measurements=(at_edge,)))
    assert "0.0001 was the highest learning rate tried, and 10.0 points better" in verdict.because
    assert verdict.settle.endswith("set `learning_rate` in the emitted config (each takes about 2 s here).")
