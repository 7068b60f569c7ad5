"""What the verdicts of a whole probe say of who was dropped; how well each candidate learns is made up."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import advisor
from probes import executor
from probes.errors import MeasurementFailed, OutOfTime
from probes.measurement import Measurement, Trial
from probes.statistics import score
from strategies import Outcome, Verdict

RIGHT = {"baseline": 0.9, "linear_probe": 0.88, "lora": 0.55, "full": 0.89}
"""Share of the rows that each has right, however many it learned from."""


def guesses(strategy: str, labels: Sequence[int]) -> tuple[int, ...]:
    return tuple((y + (i >= RIGHT[strategy] * len(labels))) % 3 for i, y in enumerate(labels))


def made_up(strategy: str, recipes: Any, bench: Any, **asked: Any) -> Measurement:
    test = bench.data.test.labels
    trial = Trial(
        setting="learning_rate=5e-05", train_rows=10, validation_score=0.9, validation_loss=1, converged=True, seconds=1
    )
    return Measurement(
        strategy=strategy,
        model=None if bench.model is None else bench.model.name,
        recipe=recipes[0],
        train_rows=asked["train_rows"],
        seed=asked["seed"],
        metric="accuracy",
        score=score("accuracy", np.array(test), np.array(guesses(strategy, test))),
        validation_score=RIGHT[strategy],
        validation_predictions=guesses(strategy, bench.data.validation.labels),
        predictions=guesses(strategy, test),
        trials=(trial,),
        seconds=1.0,
        peak_bytes=0,
        tokens=1,
    )


def test_a_verdict_says_why_its_candidate_was_dropped(
    rows_of_two_rungs: Path, tiny_encoder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(executor, "measure", made_up)
    settings: dict[str, Any] = {"models": str(tiny_encoder), "budget": None, "strategies": ",".join(RIGHT)}
    result = advisor.probe(rows_of_two_rungs, **settings, run=tmp_path / "run")
    found = {v.strategy: v for v in result.verdicts}
    rows = {s: max(m.train_rows for m in result.measurements if m.strategy == s) for s in RIGHT}
    assert rows == {"baseline": 1_540, "linear_probe": 1_540, "lora": 514, "full": 1_540}
    lora = found["lora"]
    assert lora.verdict is Outcome.UNDECIDED
    assert "it learned from 514 of the 1,540 training rows" in lora.because
    assert "It was dropped: " in lora.because
    assert "--strategies lora" in lora.settle
    assert "judged by a --target" in lora.settle
    assert lora.fair
    assert [note for note in result.notes if note.startswith("lora on") and "was dropped: " in note]
    assert result.recommendation is not None
    assert "No fair chance" not in result.recommendation.because
    resumed = advisor.probe(rows_of_two_rungs, **settings, run=tmp_path / "run", resume=True)
    assert resumed.verdicts == result.verdicts


def test_one_dropped_with_all_rows_is_not_told_to_make_seeds_that_no_run_makes(
    rows_of_two_rungs: Path, tiny_encoder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its validation rows are bad, and its test rows are not: nothing is shown by one seed."""

    def luckier(strategy: str, recipes: Any, bench: Any, **asked: Any) -> Measurement:
        found, test = made_up(strategy, recipes, bench, **asked), bench.data.test.labels
        lucky = guesses("full", test)
        return found.model_copy(
            update={"predictions": lucky, "score": score("accuracy", np.array(test), np.array(lucky))}
        )

    monkeypatch.setattr(executor, "measure", luckier)
    settings: dict[str, Any] = {"models": str(tiny_encoder), "budget": None, "strategies": "lora,full"}
    result = advisor.probe(rows_of_two_rungs, **settings, train_rows=500, run=tmp_path / "run")
    lora, full = (next(v for v in result.verdicts if v.strategy == name) for name in ("lora", "full"))
    assert [len([m for m in result.measurements if m.strategy == name]) for name in ("lora", "full")] == [1, 5]
    assert (lora.verdict, "It was dropped: " in lora.because) == (Outcome.UNDECIDED, True)
    assert lora.settle.startswith("A run without its rivals (--strategies lora --model ")
    assert " gives it more seeds (each takes about " in lora.settle
    assert lora.settle.endswith(" here); it is then judged by a --target, not against them.")
    assert "of lora" not in full.settle


def test_a_rival_without_time_keeps_others_from_being_confirmed_until_a_later_part_of_the_run_measures_it(
    rows_of_two_rungs: Path, tiny_encoder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that fails does not; whichever it was, it is tried again."""

    def probe(error: Exception | None, **more: Any) -> tuple[Verdict, Verdict]:
        def measure(strategy: str, *given: Any, **asked: Any) -> Measurement:
            if strategy == "lora" and error is not None:
                raise error
            return made_up(strategy, *given, **asked)

        monkeypatch.setattr(executor, "measure", measure)
        settings: dict[str, Any] = {"models": str(tiny_encoder), "budget": None, "run": tmp_path / "run"}
        result = advisor.probe(rows_of_two_rungs, **settings, strategies="baseline,linear_probe,lora", **more)
        found = {v.strategy: v for v in result.verdicts}
        return found["baseline"], found["lora"]

    baseline, lora = probe(OutOfTime("over"))
    assert (baseline.verdict, lora.verdict) == (Outcome.UNDECIDED, Outcome.NOT_MEASURED)
    assert f"But the budget left no time for lora on {lora.model}." in baseline.because
    assert f"with a longer --budget measures lora on {lora.model} (about " in baseline.settle
    baseline, lora = probe(MeasurementFailed("memory ran out"), resume=True)
    assert (baseline.verdict, lora.verdict) == (Outcome.CONFIRMED, Outcome.NOT_MEASURED)
    assert f"Not measured: lora on {lora.model}." in baseline.because
    baseline, lora = probe(None, resume=True)
    assert baseline.verdict is Outcome.CONFIRMED
    assert lora.score is not None
    assert "Not measured" not in baseline.because
