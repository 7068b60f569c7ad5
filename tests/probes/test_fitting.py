"""Search and measurement: nothing runs twice, validation rows choose, test rows are scored once."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from probes import fitting, measuring
from probes.data import Rows, TaskData
from probes.deadline import Deadline
from probes.errors import MeasurementFailed, OutOfTime, SettingError
from probes.fitting import fit
from probes.measurement import Measurement, Trial
from probes.measuring import WIDER, Searched, SearchTime, describe, measure, search
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
NO_TIME = SearchTime(reserve=1e6)
"""Leaves none for a second trial where there is a deadline."""


class Fits:
    """Stands in for gradient descent: gives each learning rate its score and loss, and keeps what it was asked."""

    def __init__(self, outcomes: dict[float, tuple[float, float] | Exception]) -> None:
        self.outcomes = outcomes
        self.calls: list[tuple[float, int]] = []
        self.now = 0.0
        """What the clock of measuring shows."""
        self.pace = 1.0
        """Seconds that 90 rows take; fewer take their share."""
        self.epochs_run = 1.0

    def __call__(self, recipe: Tuning, bench: Workbench, train: Rows, **_: Any) -> FittedTuning:
        self.now += self.pace * len(train) / 90
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
            epochs_run=self.epochs_run,
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
        monkeypatch.setattr(measuring, "time", SimpleNamespace(monotonic=lambda: found.now))
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


def sought(
    bench: Workbench, *known: Trial, room: float = 100.0, followed: bool = False, beyond: int = WIDER
) -> tuple[Searched, list[Trial]]:
    """Search, with so many seconds of room on the clock of measuring; return what was recorded too."""
    recorded: list[Trial] = []
    made = search(
        RECIPES,
        bench,
        bench.data.train,
        known={t.setting: t for t in known},
        record=recorded.append,
        room=lambda _: room - measuring.time.monotonic(),
        followed=followed,
        beyond=beyond,
    )
    return made, recorded


def found(bench: Workbench, *known: Trial) -> tuple[Any, Any, tuple[Trial, ...], list[Trial]]:
    made, recorded = sought(bench, *known)
    return made.best, made.fitted, made.trials, recorded


def test_the_best_score_wins_and_each_trial_is_recorded(fits: Callable[..., Fits], make_bench: MakeBench) -> None:
    calls = fits((0.5, 1.0), (0.8, 1.0), (0.7, 0.1)).calls
    best, fitted, trials, recorded = found(make_bench(None))
    assert best == RECIPES[1]
    assert fitted.recipe == RECIPES[1]
    assert list(trials) == recorded
    assert [t.setting for t in trials] == [describe(RECIPES[i]) for i in (1, 0, 2)]
    assert [(t.converged, t.why_not) for t in trials] == [(True, ""), (False, "underfit"), (True, "")]
    assert calls == [(RATES[i], 90) for i in (1, 0, 2)], "the middle one first: it may be the only one that finds time"


def test_equal_scores_go_to_the_lower_loss_and_then_to_the_middle(
    fits: Callable[..., Fits], make_bench: MakeBench
) -> None:
    fits((0.8, 0.5), (0.8, 0.4), (0.8, 0.3))
    assert found(make_bench(None))[0] == RECIPES[2]
    fits((0.8, 0.5), (0.8, 0.5), (0.8, 0.5))
    assert found(make_bench(None))[0] == RECIPES[1]


def test_the_search_goes_on_while_the_best_rate_lies_at_the_edge(
    fits: Callable[..., Fits], make_bench: MakeBench
) -> None:
    calls = fits((0.5, 1.0), (0.6, 1.0), (0.7, 1.0), (0.8, 1.0), (0.75, 1.0)).calls
    best, _, trials, _ = found(make_bench(None))
    assert sorted(rate for rate, _ in calls[:3]) == list(RATES)
    assert [rate for rate, _ in calls[3:]] == list(BEYOND)
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
    assert fitter.calls[3:] == [(5e-5, 90)]


@pytest.mark.parametrize(("known", "room", "best"), [(0, 4.0, 2), (0, 4.2, 3), (3, 2.1, 2), (3, 2.3, 3), (4, 0.0, 3)])
def test_a_rate_beyond_is_tried_where_it_fits(
    fits: Callable[..., Fits], make_bench: MakeBench, known: int, room: float, best: int
) -> None:
    """Each takes a second, and a tenth more for safety; where the best is known but not at hand, another to fit it."""
    fits((0.5, 1.0), (0.6, 1.0), (0.7, 1.0), (0.8, 1.0), (0.1, 1.0))
    trials = [trial(rate, 0.5 + i / 10) for i, rate in enumerate((*RATES, *BEYOND))]
    made, _ = sought(make_bench(None), *trials[:known], room=room)
    assert (made.best.learning_rate, made.cut_off) == ((*RATES, *BEYOND)[best], "")  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("room", "tried", "best", "left"),
    [(-1.0, 1, 1, 0), (2.0, 1, 1, 1), (2.2, 2, 0, 0), (3.05, 2, 0, 1), (3.2, 3, 0, None)],
)
def test_a_search_ends_where_another_trial_would_not_fit(
    fits: Callable[..., Fits], make_bench: MakeBench, room: float, tried: int, best: int, left: int | None
) -> None:
    fits((0.9, 1.0), (0.5, 1.0), (0.1, 1.0))
    made, recorded = sought(make_bench(None), room=room)
    assert (made.best, made.trials) == (RECIPES[best], tuple(recorded)), "the best so far, and nothing beyond its edge"
    assert made.fitted is not None
    assert len(recorded) == tried
    said = "" if left is None else f"{tried} of 3 tried, 2 s are needed for another, {left} were left"
    assert made.cut_off == said


@pytest.mark.parametrize(("followed", "room", "tried"), [(False, 2.2, 2), (False, 3.3, 3), (True, 2.2, 3)])
def test_the_best_that_is_known_is_fitted_again_where_no_other_run_follows(
    fits: Callable[..., Fits], make_bench: MakeBench, followed: bool, room: float, tried: int
) -> None:
    fits((0.1, 1.0), AssertionError(), (0.1, 1.0))
    assert len(sought(make_bench(None), trial(RATES[1], 0.5), room=room, followed=followed)[0].trials) == tried


@pytest.mark.parametrize(("share", "tried"), [(1.0, 2), (0.5, 1)])
def test_one_that_stopped_early_does_not_make_the_next_look_short(
    fits: Callable[..., Fits], make_bench: MakeBench, share: float, tried: int
) -> None:
    fits((0.1, 1.0), (0.5, 1.0), (0.1, 1.0)).epochs_run = share
    assert len(sought(make_bench(None), room=2.2)[0].trials) == tried


@pytest.mark.parametrize(("room", "tried"), [(0.0, 2), (3.1, 2), (3.3, 3)])
def test_what_other_processes_took_decides_nothing(
    fits: Callable[..., Fits], make_bench: MakeBench, room: float, tried: int
) -> None:
    """The one that is known took long on a busy machine, and is fitted once more as it stays the best."""
    fits((0.1, 1.0), AssertionError(), (0.1, 1.0))
    slow = trial(RATES[1], 0.5).model_copy(update={"seconds": 200.0})
    made, recorded = sought(make_bench(None), slow, room=room)
    assert (made.best, made.fitted, len(made.trials)) == (RECIPES[1], None, tried)
    assert len(recorded) == tried - 1, "one is always begun, so that each try comes farther"


def test_what_is_known_takes_no_time(fits: Callable[..., Fits], make_bench: MakeBench) -> None:
    fits()
    made, _ = sought(make_bench(None), *(trial(rate, 0.5 + i / 10) for i, rate in enumerate(RATES)), room=-1.0)
    assert (made.best, len(made.trials), made.cut_off) == (RECIPES[2], 3, "")


def test_a_rate_that_fails_is_no_want_of_time(fits: Callable[..., Fits], make_bench: MakeBench) -> None:
    fits(MeasurementFailed("no number"), (0.6, 1.0), (0.595, 1.0))
    made, _ = sought(make_bench(None))
    assert (len(made.trials), made.cut_off) == (2, "")
    fits((0.5, 1.0), MeasurementFailed("no number"), AssertionError())
    made, _ = sought(make_bench(None), room=2.5)
    assert (len(made.trials), made.cut_off) == (1, "2 of 3 tried, 2 s are needed for another, 0 were left")


def test_a_rate_beyond_that_fails_ends_the_search(fits: Callable[..., Fits], make_bench: MakeBench) -> None:
    calls = fits((0.5, 1.0), (0.6, 1.0), (0.7, 1.0), MeasurementFailed("no number")).calls
    best, _, trials, _ = found(make_bench(None))
    assert (best, len(trials), len(calls)) == (RECIPES[2], 3, 4)


def test_no_rate_beyond_is_tried_where_none_is_asked_for(fits: Callable[..., Fits], make_bench: MakeBench) -> None:
    calls = fits((0.5, 1.0), (0.6, 1.0), (0.7, 1.0), AssertionError()).calls
    made, _ = sought(make_bench(None), beyond=0)
    assert (made.best, len(calls), made.cut_off) == (RECIPES[2], 3, "")


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
    with pytest.raises(MeasurementFailed, match="one; no number; two"):
        found(make_bench(None))


def test_trials_that_finished_are_recorded_before_time_runs_out(
    fits: Callable[..., Fits], make_bench: MakeBench
) -> None:
    fits(OutOfTime("spent"), (0.5, 1.0), (0.7, 0.1))
    recorded: list[Trial] = []
    bench = make_bench(None)
    with pytest.raises(OutOfTime):
        search(RECIPES, bench, bench.data.train, known={}, record=recorded.append)
    assert [t.setting for t in recorded] == [describe(RECIPES[1])]


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
