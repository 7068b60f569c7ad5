"""What would settle a verdict: how many test rows, labels and seeds, and what they take."""

from __future__ import annotations

from typing import Any

import pytest

from probes.recipe import Tuning
from probes.statistics import Interval
from strategies import STRATEGIES
from strategies.settling import settle_dropped
from tests.advisor.made_verdicts import TRIAL
from tests.strategies.made_evidence import BEST, OPEN, UNDERFIT, WORSE, comparison, evidence, gap, measurement

FULL = next(s for s in STRATEGIES if s.name == "full")


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


def test_a_target_takes_as_many_rows_as_the_variance_of_its_metric_asks_for() -> None:
    def rows(variance: float) -> int:
        found = BEST.model_copy(update={"row_variance": variance})
        settle = FULL.confirm(evidence(comparison=found, target=0.84)).settle
        return int(settle.removeprefix("About ").split()[0].replace(",", ""))

    # A row more or less for the continuity of shares.
    assert rows(2.0) == pytest.approx(10 * rows(0.2), rel=0.01)


def test_seeds_of_a_rival_that_was_dropped_are_not_asked_for() -> None:
    both = gap(rows=20_000, distance=0.06, seed_variances=(0.01**2, 0.01**2))
    settle = {
        is_open: FULL.confirm(
            evidence(comparison=comparison(gap=both.model_copy(update={"rival_is_open": is_open})))
        ).settle
        for is_open in (True, False)
    }
    assert "seeds of it and " in settle[True]
    assert settle[False].endswith(
        " was dropped and gets no more seeds, and another of them may score otherwise. "
        "Choose by cost, or another --tolerance."
    )
    few = both.model_copy(update={"rival_is_open": False, "seed_variances": (0.01**2, 0.001**2)})
    enough = FULL.confirm(evidence(comparison=comparison(gap=few))).settle
    assert "seeds of it (" in enough


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


def test_one_whose_search_time_ended_says_how_far_it_came() -> None:
    cut = measurement(trials=(), cut_off="1 of 3 tried, another takes about 88 s, 40 s were left")
    because = FULL.confirm(evidence(comparison=WORSE, measurements=(cut,))).because
    assert "no time to search its learning rate (1 of 3 tried, another takes about 88 s, 40 s were left)" in because


def test_one_that_underfits_is_told_how_to_train_it_longer() -> None:
    spaced = UNDERFIT.model_copy(update={"model": "my models/tiny"})
    settle = FULL.confirm(evidence(comparison=WORSE, measurements=(spaced,))).settle
    emit = "advisor emit RUN --strategy full --model 'my models/tiny' --out config.yaml"
    assert f"raise `epochs` in its config (`{emit}`; twice as many take about 4 s here)" in settle


@pytest.mark.parametrize(("fair", "more"), [(True, "more seeds (each takes"), (False, "learn from all rows (")])
def test_one_that_was_dropped_and_may_still_win_is_told_what_a_run_of_its_own_takes(fair: bool, more: str) -> None:
    said = settle_dropped((measurement(strategy="lora"),), 3_000, fair=fair)
    assert "(--strategies lora --model tiny)" in said
    assert f"{more}{' about 2 s here)' if fair else 'about 6 s here)'}" in said


def test_one_whose_search_ended_at_an_edge_is_told_what_each_further_rate_takes() -> None:
    recipe = Tuning(pooling="mean", max_length=16, learning_rate=1e-4)
    trials = tuple(
        TRIAL.model_copy(update={"setting": f"learning_rate={rate:g}", "validation_score": score})
        for rate, score in ((5e-5, 0.8), (1e-4, 0.9))
    )
    at_edge = measurement(recipe=recipe, trials=trials)
    verdict = FULL.confirm(evidence(comparison=WORSE, measurements=(at_edge,)))
    assert "0.0001 was the highest learning rate tried, and 10.0 points better" in verdict.because
    emit = "advisor emit RUN --strategy full --model tiny --out config.yaml"
    assert f"set `learning_rate` in its config (`{emit}`; each takes about 2 s here)." in verdict.settle
