"""Search and measurement: nothing runs twice, validation rows choose, test rows are scored once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from probes import fitting, measuring
from probes.data import Rows, TaskData
from probes.deadline import Deadline
from probes.errors import MeasurementFailed, OutOfTime, SettingError
from probes.fitting import fit
from probes.measurement import Measurement, Trial
from probes.measuring import WIDER, describe, measure, search
from probes.model import ModelFacts
from probes.recipe import BagOfWords, FrozenFeatures, Recipe, Tuning
from probes.statistics import score
from probes.training import FittedTuning
from probes.workbench import Workbench

MakeBench = Callable[..., Workbench]
RATES = (1e-4, 2e-4, 5e-4)
BEYOND = (1.25e-3, 3.13e-3)
"""Rates tried beyond the highest, each 2.5 times the one before."""
RECIPES = tuple(Tuning(pooling="mean", max_length=16, learning_rate=rate, epochs=1) for rate in RATES)


class Fits:
    """Stands in for gradient descent: gives each learning rate its score and loss, and keeps what it was asked."""

    def __init__(self, outcomes: dict[float, tuple[float, float] | Exception]) -> None:
        self.outcomes = outcomes
        self.calls: list[tuple[float, int]] = []

    def __call__(self, recipe: Tuning, bench: Workbench, train: Rows, **_: Any) -> FittedTuning:
        self.calls.append((recipe.learning_rate, len(train)))
        outcome = self.outcomes[recipe.learning_rate]
        if isinstance(outcome, Exception):
            raise outcome
        return FittedTuning(
            recipe=recipe,
            model=None,
            bench=bench,
            tokenizer=None,
            validation_score=outcome[0],
            validation_loss=outcome[1],
            epochs_run=1.0,
            converged=recipe.learning_rate != RATES[0],
            why_not="underfit" if recipe.learning_rate == RATES[0] else "",
            tokens=7,
            history=(),
        )


@pytest.fixture
def fits(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Fits]:
    def install(*outcomes: tuple[float, float] | Exception) -> Fits:
        found = Fits(dict(zip((*RATES, *BEYOND), outcomes, strict=False)))
        monkeypatch.setattr(fitting, "fit_tuning", found)
        monkeypatch.setattr(
            FittedTuning,
            "probabilities",
            lambda self, rows: np.eye(3, dtype=np.float32)[[0] * len(rows)] + self.recipe.learning_rate,
        )
        return found

    return install


def trial(rate: float, validation_score: float, loss: float = 1.0) -> Trial:
    return Trial(
        setting=f"learning_rate={rate:g}",
        train_rows=90,
        validation_score=validation_score,
        validation_loss=loss,
        converged=True,
        seconds=1.0,
    )


def found(bench: Workbench, *known: Trial, spare: float = 100.0) -> tuple[Any, Any, tuple[Trial, ...], list[Trial]]:
    recorded: list[Trial] = []
    best, fitted, trials = search(
        RECIPES,
        bench,
        bench.data.train,
        known={t.setting: t for t in known},
        record=recorded.append,
        spare=lambda: spare,
    )
    return best, fitted, trials, recorded


def test_the_best_score_wins_and_each_trial_is_recorded(fits: Callable[..., Fits], make_bench: MakeBench) -> None:
    calls = fits((0.5, 1.0), (0.8, 1.0), (0.7, 0.1)).calls
    best, fitted, trials, recorded = found(make_bench(None))
    assert best == RECIPES[1]
    assert fitted.recipe == RECIPES[1]
    assert list(trials) == recorded
    assert [t.setting for t in trials] == [describe(r) for r in RECIPES]
    assert [(t.converged, t.why_not) for t in trials] == [(False, "underfit"), (True, ""), (True, "")]
    assert calls == [(rate, 90) for rate in RATES]


def test_equal_scores_go_to_the_lower_loss_and_then_to_the_first(
    fits: Callable[..., Fits], make_bench: MakeBench
) -> None:
    fits((0.8, 0.5), (0.8, 0.3), (0.8, 0.4))
    assert found(make_bench(None))[0] == RECIPES[1]
    fits((0.8, 0.5), (0.8, 0.5), (0.8, 0.5))
    assert found(make_bench(None))[0] == RECIPES[0]


def test_the_search_goes_on_while_the_best_rate_lies_at_the_edge(
    fits: Callable[..., Fits], make_bench: MakeBench
) -> None:
    calls = fits((0.5, 1.0), (0.6, 1.0), (0.7, 1.0), (0.8, 1.0), (0.75, 1.0)).calls
    best, _, trials, _ = found(make_bench(None))
    assert [rate for rate, _ in calls] == [*RATES, *BEYOND]
    assert best.learning_rate == BEYOND[0]
    assert len(trials) == 5


def test_it_ends_two_rates_beyond_and_where_nothing_is_gained(fits: Callable[..., Fits], make_bench: MakeBench) -> None:
    calls = fits((0.5, 1.0), (0.6, 1.0), (0.7, 1.0), (0.8, 1.0), (0.9, 1.0)).calls
    assert found(make_bench(None))[0].learning_rate == BEYOND[WIDER - 1]
    assert len(calls) == len(RATES) + WIDER
    calls = fits((0.5, 1.0), (0.6, 1.0), (0.605, 1.0)).calls
    assert found(make_bench(None))[0] == RECIPES[2]
    assert len(calls) == 3, "a lead within a point does not tell an edge from a plateau"


def test_it_goes_below_the_lowest_too(fits: Callable[..., Fits], make_bench: MakeBench) -> None:
    fitter = fits((0.9, 1.0), (0.6, 1.0), (0.7, 1.0))
    fitter.outcomes[5e-5] = (0.8, 1.0)
    assert found(make_bench(None))[0] == RECIPES[0]
    assert [rate for rate, _ in fitter.calls] == [*RATES, 5e-5]


def test_without_time_to_spare_only_what_is_known_lies_beyond(fits: Callable[..., Fits], make_bench: MakeBench) -> None:
    calls = fits((0.5, 1.0), (0.6, 1.0), (0.7, 1.0), AssertionError()).calls
    assert found(make_bench(None), trial(RATES[0], 0.5), spare=0.5)[0] == RECIPES[2]
    assert len(calls) == 2
    known = [trial(rate, 0.5 + i / 10) for i, rate in enumerate((*RATES, BEYOND[0]))]
    best, fitted, trials, recorded = found(make_bench(None), *known, spare=0.5)
    assert (best.learning_rate, fitted, len(trials), recorded) == (BEYOND[0], None, 4, [])


def test_a_rate_beyond_that_fails_ends_the_search(fits: Callable[..., Fits], make_bench: MakeBench) -> None:
    calls = fits((0.5, 1.0), (0.6, 1.0), (0.7, 1.0), MeasurementFailed("no number")).calls
    best, _, trials, _ = found(make_bench(None))
    assert (best, len(trials), len(calls)) == (RECIPES[2], 3, 4)


def test_known_trials_are_not_run_again(fits: Callable[..., Fits], make_bench: MakeBench) -> None:
    calls = fits(AssertionError(), (0.6, 1.0), AssertionError()).calls
    best, fitted, trials, recorded = found(make_bench(None), trial(RATES[0], 0.605), trial(RATES[2], 0.2))
    assert calls == [(RATES[1], 90)]
    assert (best, fitted) == (RECIPES[0], None)
    assert [t.setting for t in recorded] == [describe(RECIPES[1])]
    assert len(trials) == 3
    assert found(make_bench(None), trial(RATES[0], 0.1), trial(RATES[2], 0.2))[1] is not None


def test_a_failed_setting_leaves_the_others(fits: Callable[..., Fits], make_bench: MakeBench) -> None:
    fits(MeasurementFailed("no number"), (0.6, 1.0), MeasurementFailed("no memory"))
    best, _, trials, recorded = found(make_bench(None))
    assert (best, len(trials), len(recorded)) == (RECIPES[1], 1, 1)
    fits(MeasurementFailed("no number"), MeasurementFailed("one"), MeasurementFailed("two"))
    with pytest.raises(MeasurementFailed, match="no number; one; two"):
        found(make_bench(None))


def test_trials_that_finished_are_recorded_before_time_runs_out(
    fits: Callable[..., Fits], make_bench: MakeBench
) -> None:
    fits((0.5, 1.0), OutOfTime("spent"), (0.7, 0.1))
    recorded: list[Trial] = []
    bench = make_bench(None)
    with pytest.raises(OutOfTime):
        search(RECIPES, bench, bench.data.train, known={}, record=recorded.append)
    assert [t.setting for t in recorded] == [describe(RECIPES[0])]


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
    assert calls == [*((rate, 30) for rate in RATES), (RATES[1], 90)]
    assert (result.train_rows, result.tokens) == (90, 4 * 7)


def test_the_winner_known_from_before_is_fitted_once(fits: Callable[..., Fits], make_bench: MakeBench) -> None:
    calls = fits((0.5, 1.0), (0.8, 1.0), (0.7, 0.1)).calls
    known = [
        trial(rate, value).model_copy(update={"tokens": 7})
        for rate, value in zip(RATES, (0.5, 0.6, 0.605), strict=True)
    ]
    result = measured(make_bench(None), RECIPES, *known)
    assert calls == [(RATES[2], 90)]
    assert result.trials == tuple(known)
    assert result.tokens == 3 * 7, "as if nothing had come between"


def test_one_recipe_needs_no_search(fits: Callable[..., Fits], make_bench: MakeBench) -> None:
    calls = fits((0.5, 1.0), (0.8, 1.0), (0.7, 0.1)).calls
    result = measured(make_bench(None), RECIPES[:1], train_rows=40)
    assert calls == [(RATES[0], 40)]
    assert (result.trials, result.converged, result.why_not, result.tokens) == ((), False, "underfit", 7)


def recipes_of(kind: str) -> tuple[Recipe, ...]:
    if kind == "bag of words":
        return (BagOfWords(),)
    if kind == "probe":
        return (FrozenFeatures(pooling="mean", max_length=16),)
    return tuple(Tuning(pooling="mean", max_length=16, learning_rate=rate, epochs=1) for rate in (1e-4, 3e-3))


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


@pytest.mark.parametrize("kind", ["bag of words", "probe", "tuning"])
def test_rows_that_miss_a_class_are_refused(kind: str, encoder: ModelFacts, make_bench: MakeBench) -> None:
    bench = make_bench(encoder)
    two = bench.data.train.take([i for i, label in enumerate(bench.data.train.labels) if label < 2])
    with pytest.raises(SettingError, match=r"hold 2 of the 3 classes \(none of 'log in'\)[\s\S]*`train_rows`.* to 3"):
        fit(recipes_of(kind)[0], bench, two)


def test_as_many_rows_as_classes_will_do(make_bench: MakeBench) -> None:
    assert measured(make_bench(None), (BagOfWords(),), train_rows=3).train_rows == 3


@pytest.mark.parametrize("kind", ["probe", "tuning"])
def test_more_tokens_than_the_model_reads_are_refused(kind: str, encoder: ModelFacts, make_bench: MakeBench) -> None:
    bench = make_bench(encoder)
    recipe = recipes_of(kind)[0].model_copy(update={"max_length": encoder.context + 1})
    with pytest.raises(SettingError, match=rf"max_length is {encoder.context + 1}, but .* {encoder.context} tokens"):
        fit(recipe, bench, bench.data.train)
