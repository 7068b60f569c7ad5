"""Hand-made evidence for the tests of verdicts."""

from __future__ import annotations

from typing import Any

from probes.comparison import Comparison
from probes.measurement import Measurement
from probes.power import Gap
from probes.recipe import BagOfWords
from probes.statistics import Interval
from strategies import Candidate, Evidence, Unfinished, Unreached
from tests.advisor.made_verdicts import TRIAL
from tests.probes import made_gaps


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
    return made_gaps.gap(**({"distance": -0.02, "rows": 1_200} | more))


def comparison(**more: Any) -> Comparison:
    settings: dict[str, Any] = {
        "score": Interval(mean=0.85, low=0.83, high=0.87),
        "seed_variance": 0.0,
        "row_variance": 0.85 * 0.15,
        "rival": 1,
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
