"""Events of races that were never run."""

from __future__ import annotations

from advisor.events import Measured, Planned
from probes.measurement import Measurement, Metric
from probes.recipe import BagOfWords
from strategies import Candidate

BASELINE = Candidate(strategy="baseline")
PROBE = Candidate(strategy="linear_probe", model="minilm")
LORA = Candidate(strategy="lora", model="minilm")
FULL = Candidate(strategy="full", model="minilm")
FOUR = (BASELINE, PROBE, LORA, FULL)
SIZES = (1_112, 3_334, 10_000)


def planned(
    candidates: tuple[Candidate, ...] = FOUR, sizes: tuple[int, ...] = SIZES, remaining: float = 600.0, workers: int = 1
) -> Planned:
    return Planned(candidates=candidates, sizes=sizes, seeds=3, remaining=remaining, workers=workers)


def measured(
    who: Candidate,
    rows: int,
    score: float,
    *,
    seed: int = 0,
    validation_rows: int = 500,
    metric: Metric = "accuracy",
    found: bool = False,
    converged: bool = True,
) -> Measured:
    measurement = Measurement(
        strategy=who.strategy,
        model=who.model,
        recipe=BagOfWords(),
        train_rows=rows,
        seed=seed,
        metric=metric,
        score=0.111,
        validation_score=score,
        validation_predictions=(0,) * validation_rows,
        predictions=(),
        converged=converged,
        seconds=41.2,
        peak_bytes=0,
        tokens=0,
    )
    return Measured(measurement=measurement, validation_score=score, found=found)
