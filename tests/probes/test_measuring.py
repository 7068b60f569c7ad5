"""Measurement: what a search chose is fitted, test rows are scored once, and seeds draw their rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from probes import measuring
from probes.data import Rows, TaskData
from probes.deadline import Deadline
from probes.errors import OutOfTime
from probes.measurement import Measurement, Trial
from probes.measuring import measure
from probes.model import ModelFacts
from probes.recipe import BagOfWords, Recipe
from probes.searching import SearchTime
from probes.statistics import score
from probes.workbench import Workbench
from tests.probes.made_fits import NO_TIME, RATES, RECIPES, Fits, recipes_of, trial

MakeBench = Callable[..., Workbench]


def measured(bench: Workbench, recipes: tuple[Recipe, ...], *known: Trial, **more: Any) -> Measurement:
    settings = {"train_rows": 90, "search_rows": 90, "seed": 0, "record": lambda _: None} | more
    return measure("full", recipes, bench, known={t.setting: t for t in known}, **settings)


def test_a_search_on_all_rows_is_the_measurement(fits: Callable[..., Fits], make_bench: MakeBench) -> None:
    calls = fits((0.5, 1.0), (0.8, 1.0), (0.7, 0.1)).calls
    result = measured(make_bench(None), RECIPES)
    assert len(calls) == 3
    assert result.recipe == RECIPES[1]
    assert (result.validation_score, result.tokens, len(result.trials)) == (0.8, 3 * 7, 3)


def test_a_search_on_fewer_rows_is_followed_by_a_run_on_all(fits: Callable[..., Fits], make_bench: MakeBench) -> None:
    calls = fits((0.5, 1.0), (0.8, 1.0), (0.7, 0.1)).calls
    result = measured(make_bench(None), RECIPES, search_rows=30)
    assert sorted(calls[:3]) == [(rate, 30) for rate in RATES]
    assert calls[3:] == [(RATES[1], 90)]
    assert (result.train_rows, result.tokens) == (90, 4 * 7)


def test_the_winner_known_from_before_is_fitted_once(fits: Callable[..., Fits], make_bench: MakeBench) -> None:
    calls = fits((0.5, 1.0), (0.8, 1.0), (0.7, 0.1)).calls
    known = [
        trial(rate, value).model_copy(update={"tokens": 7})
        for rate, value in zip(RATES, (0.5, 0.6, 0.605), strict=True)
    ]
    result = measured(make_bench(None), RECIPES, *known)
    assert calls == [(RATES[2], 90)]
    assert result.trials == tuple(known[i] for i in (1, 0, 2))
    assert result.tokens == 3 * 7, "as if nothing had come between"


def test_a_search_that_time_ended_is_a_measurement_without_one(
    fits: Callable[..., Fits], make_bench: MakeBench
) -> None:
    fits((0.5, 1.0), (0.8, 1.0), (0.7, 0.1))
    recorded: list[Trial] = []
    cut = measured(make_bench(None, deadline=Deadline(1_000)), RECIPES, search_time=NO_TIME, record=recorded.append)
    assert (cut.recipe, len(recorded), cut.tokens) == (RECIPES[1], 1, 7)
    assert (cut.trials, cut.seconds, cut.search_seconds) == ((), 1.0, 0.0)
    assert cut.cut_off == "1 of 3 tried, 2 s are needed for another, 0 were left"
    whole = measured(make_bench(None), RECIPES, *recorded)
    assert (len(whole.trials), whole.cut_off, whole.tokens) == (3, "", 3 * 7), "it goes on from what was tried"
    assert (whole.seconds, whole.search_seconds) == (3.0, 2.0), "of what was tried here, and what was known is fitted"


def test_another_look_at_a_rate_that_time_ended_leaves_the_choice_or_its_own_trials(
    fits: Callable[..., Fits], make_bench: MakeBench
) -> None:
    fits((0.9, 1.0), (0.8, 1.0), (0.7, 0.1))
    earlier = (trial(RATES[1], 0.7).model_copy(update={"train_rows": 30}),)
    bench = make_bench(None, deadline=Deadline(1_000))
    once = measured(bench, RECIPES, search_time=NO_TIME, chosen_by=earlier)
    assert (once.recipe, once.trials) == (RECIPES[1], earlier)
    twice = measured(bench, RECIPES, trial(RATES[1], 0.8), search_time=NO_TIME, chosen_by=earlier)
    assert (twice.recipe, len(twice.trials)) == (RECIPES[0], 2), "they say that it lies at the edge of what was tried"
    assert twice.cut_off


@pytest.mark.parametrize(
    ("follows", "reserve", "tried"), [(0.0, 475.0, 3), (0.0, 495.0, 1), (430.0, 0.0, 3), (450.0, 0.0, 1)]
)
def test_a_search_slower_than_expected_leaves_the_rest_more(
    fits: Callable[..., Fits], make_bench: MakeBench, follows: float, reserve: float, tried: int
) -> None:
    """A trial takes ten seconds, twice what was expected: what comes after it is believed to take twice as long too."""
    fits((0.5, 1.0), (0.8, 1.0), (0.7, 1.0)).pace = 10.0
    recorded: list[Trial] = []
    bench = make_bench(None, deadline=Deadline(1_000))
    measured(bench, RECIPES, search_time=SearchTime(5.0, follows, reserve), record=recorded.append)
    assert len(recorded) == tried


def test_a_search_on_fewer_rows_leaves_time_for_all_of_them(fits: Callable[..., Fits], make_bench: MakeBench) -> None:
    calls = fits((0.5, 1.0), (0.8, 1.0), (0.7, 0.1)).calls
    cut = measured(make_bench(None, deadline=Deadline(1_000)), RECIPES, search_rows=30, search_time=NO_TIME)
    assert calls == [(RATES[1], 30), (RATES[1], 90)]
    assert (cut.train_rows, cut.trials, cut.tokens) == (90, (), 2 * 7)
    assert cut.search_seconds == pytest.approx(1 / 3), "the trial was on the way to it"


def test_one_recipe_needs_no_search(fits: Callable[..., Fits], make_bench: MakeBench) -> None:
    calls = fits((0.5, 1.0), (0.8, 1.0), (0.7, 0.1)).calls
    result = measured(make_bench(None), RECIPES[:1], train_rows=40)
    assert calls == [(RATES[0], 40)]
    assert (result.trials, result.converged, result.why_not, result.tokens) == ((), False, "underfit", 7)


@pytest.mark.parametrize("kind", ["bag of words", "probe", "tuning"])
def test_test_rows_never_influence_the_choice(
    kind: str, encoder: ModelFacts, make_bench: MakeBench, make_task: Callable[..., TaskData]
) -> None:
    data = make_task()
    plain = measured(make_bench(encoder, data), recipes_of(kind))
    test = data.test.model_copy(update={"labels": tuple((label + 1) % 3 for label in data.test.labels)})
    wrong = measured(make_bench(encoder, data.model_copy(update={"test": test})), recipes_of(kind))
    assert wrong.recipe == plain.recipe
    assert wrong.predictions == plain.predictions
    assert wrong.validation_score == plain.validation_score
    assert [t.model_dump(exclude={"seconds"}) for t in wrong.trials] == [
        t.model_dump(exclude={"seconds"}) for t in plain.trials
    ]
    assert plain.score == pytest.approx(
        score("accuracy", np.array(data.test.labels), np.array(plain.predictions, dtype=np.int64))
    )
    assert wrong.score != plain.score
    assert len(plain.predictions) == len(data.test)
    assert plain.seconds > 0
    assert plain.peak_bytes > 10**7
    assert plain.tokens == 0 if kind == "bag of words" else plain.tokens > 90
    assert Measurement.model_validate_json(plain.model_dump_json()) == plain


@pytest.mark.parametrize("kind", ["bag of words", "probe"])
def test_the_metric_asked_for_is_the_one_measured(kind: str, encoder: ModelFacts, make_bench: MakeBench) -> None:
    bench = make_bench(encoder, metric="macro_f1")
    result = measured(bench, recipes_of(kind))
    labels, predictions = np.array(bench.data.test.labels), np.array(result.predictions)
    assert result.metric == "macro_f1"
    assert result.score == pytest.approx(score("macro_f1", labels, predictions))


def test_fewer_rows_are_a_part_of_the_more(make_bench: MakeBench, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[set[int]] = []
    plain = measuring.fit

    def spy(recipe: Recipe, bench: Workbench, train: Rows, **more: Any) -> Any:
        seen.append(set(train.numbers))
        return plain(recipe, bench, train, **more)

    monkeypatch.setattr(measuring, "fit", spy)
    for rows in (20, 60, 90):
        assert measured(make_bench(None), (BagOfWords(),), train_rows=rows).train_rows == rows
    assert seen[0] < seen[1] < seen[2]


def test_seeds_learn_from_rows_of_their_own_where_not_from_all(
    make_bench: MakeBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[frozenset[int]] = []
    plain = measuring.fit

    def spy(recipe: Recipe, bench: Workbench, train: Rows, **more: Any) -> Any:
        seen.append(frozenset(train.numbers))
        return plain(recipe, bench, train, **more)

    monkeypatch.setattr(measuring, "fit", spy)
    for seed, rows in ((0, 30), (1, 30), (1, 60), (1, 30), (0, 90), (1, 90)):
        measured(make_bench(None), (BagOfWords(),), train_rows=rows, seed=seed)
    assert seen[0] != seen[1]
    assert seen[1] < seen[2], "within a seed they are nested"
    assert seen[3] == seen[1]
    assert seen[4] == seen[5], "all rows are all rows"


def test_what_validation_rows_said_is_kept(make_bench: MakeBench) -> None:
    bench = make_bench(None)
    result = measured(bench, (BagOfWords(),))
    labels = np.array(bench.data.validation.labels)
    assert score("accuracy", labels, np.array(result.validation_predictions)) == result.validation_score


def test_a_spent_budget_stops_before_the_fit_and_before_the_scoring(make_bench: MakeBench) -> None:
    with pytest.raises(OutOfTime):
        measured(make_bench(None, deadline=Deadline(0)), (BagOfWords(),))


def test_as_many_rows_as_classes_will_do(make_bench: MakeBench) -> None:
    assert measured(make_bench(None), (BagOfWords(),), train_rows=3).train_rows == 3
