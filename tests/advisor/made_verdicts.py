"""Hand-made measurements, and what is judged and recommended by them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from advisor.decide import Recommendation, recommend
from advisor.judging import judge
from advisor.ladder import SPENT
from probes.columns import Columns
from probes.data import Rows, TaskData
from probes.measurement import Measurement, Trial
from probes.recipe import BagOfWords, FrozenFeatures, Lora, Recipe, Tuning
from strategies import STRATEGIES, Candidate, Unreached, Verdict

TESTS = 1_000
LABELS = tuple(i % 2 for i in range(TESTS))
MODEL = "tiny"
RECIPES: dict[str, Recipe] = {
    "baseline": BagOfWords(),
    "linear_probe": FrozenFeatures(pooling="mean", max_length=16),
    "lora": Tuning(pooling="mean", max_length=16, learning_rate=5e-4, lora=Lora()),
    "full": Tuning(pooling="mean", max_length=16, learning_rate=2e-5),
}


def some_rows(labels: Sequence[int]) -> Rows:
    texts = tuple(f"text {i}" for i in range(len(labels)))
    return Rows(texts=texts, pairs=None, labels=tuple(labels), numbers=tuple(range(len(labels))))


DATA = TaskData(
    source="rows.csv",
    fingerprint="0",
    columns=Columns(text="text", text_pair=None, label="label", split=None),
    classes=("a", "b"),
    train=some_rows([0, 1] * 500),
    validation=some_rows([0, 1]),
    test=some_rows(LABELS),
    split_origin="by hand",
    split_seed=0,
)


TRIAL = Trial(
    setting="learning_rate=5e-05",
    train_rows=1_000,
    validation_score=0.9,
    validation_loss=0.3,
    converged=True,
    seconds=1.0,
)


def measured(strategy: str, wrong: int, *, seed: int = 0, start: int = 0, **changes: Any) -> Measurement:
    """Make a measurement that has the rows from `start` on wrong, so many of them."""
    predictions = tuple(1 - y if start <= i < start + wrong else y for i, y in enumerate(LABELS))
    values = {
        "strategy": strategy,
        "model": None if strategy == "baseline" else MODEL,
        "recipe": RECIPES[strategy],
        "train_rows": 1_000,
        "seed": seed,
        "metric": "accuracy",
        "score": 1 - wrong / TESTS,
        "validation_score": 0.9,
        "predictions": predictions,
        "seconds": 2.0,
        "peak_bytes": 10**8,
        "tokens": 0,
        "trials": (TRIAL,),
    }
    return Measurement.model_validate(values | changes)


def three_seeds(run: Measurement) -> list[Measurement]:
    """Return the run, and two more of other seeds that came to the same: what few seeds leave open is not the point."""
    return [run.model_copy(update={"seed": seed}) for seed in range(3)]


def outcome(
    *measurements: Measurement,
    strategies: Collection[str] | None = None,
    tolerance: float = 0.01,
    target: float | None = None,
    blocked: dict[str, str] | None = None,
    failures: dict[str, str] | None = None,
    unreached: dict[str, float | None] | None = None,
    dropped: Sequence[str] = (),
    rows: int = 1_000,
) -> tuple[dict[str, Verdict], Recommendation | None]:
    """Judge and recommend; where no candidates are said, those of which something is."""
    named = {m.strategy for m in measurements}.union(blocked or (), failures or (), unreached or ())
    asked = [s for s in RECIPES if s in (named if strategies is None else strategies)]
    candidates = {s: Candidate(strategy=s, model=None if s == "baseline" else MODEL) for s in asked}
    out, metric = {candidates[s] for s in dropped}, measurements[0].metric if measurements else "accuracy"
    verdicts = judge(
        {s.name: s for s in STRATEGIES},
        list(candidates.values()),
        list(measurements),
        DATA,
        blocked={candidates[s]: why for s, why in (blocked or {}).items()},
        failures={candidates[s]: why for s, why in (failures or {}).items()},
        metric=metric,
        tolerance=tolerance,
        target=target,
        rows=rows,
        unreached=[
            Unreached(candidate=candidates[s], because=SPENT, seconds=seconds)
            for s, seconds in (unreached or {}).items()
        ],
        dropped=out,
    )
    choice = recommend(verdicts, list(measurements), tolerance, metric, out)
    return {v.strategy: v for v in verdicts}, choice
