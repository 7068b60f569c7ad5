"""The search of a learning rate: validation rows choose, nothing runs twice, and it ends where time does."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest

from probes.deadline import Deadline
from probes.errors import MeasurementFailed, OutOfTime
from probes.measurement import Trial
from probes.searching import WIDER, Searched, SearchTime, describe, search
from probes.workbench import Workbench
from tests.probes.made_fits import BEYOND, RATES, RECIPES, Fits, trial

MakeBench = Callable[..., Workbench]


def sought(
    bench: Workbench, *known: Trial, room: float = 100.0, followed: bool = False, beyond: int = WIDER
) -> tuple[Searched, list[Trial]]:
    """Search, with so many seconds of room on the clock of `Fits`; return what was recorded too."""
    recorded: list[Trial] = []
    made = search(
        RECIPES,
        dataclasses.replace(bench, deadline=Deadline(1_000)),
        bench.data.train,
        known={t.setting: t for t in known},
        record=recorded.append,
        search_time=SearchTime(reserve=1_000 - room),
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
