"""How far the seeds of tuned models lie apart, which verdicts assume where fewer than three were measured.

    python -m benchmarks.seed_spread [--quick] [--json]

LoRA and full fine-tuning of MiniLM on 200 rows of each of five data sets, 1,000 test rows, as `advisor probe` measures
them at its last rung: seed 0 searches the learning rate, four more keep it. All learn from the same rows, so that seeds
differ in the order of the rows, in dropout and in what begins at random. The spread is that of the true accuracy: what
the test rows add by chance, of which runs are right on which, is taken off. It is told in units of √(p·(1 − p)) at the
accuracy p, as `probes.paired.SEED_SPREAD` and `EARLY_SPREAD` are.

Seeds of TF-IDF and frozen features differ by the rows they draw alone (`--train-rows`). Their spread is that of
recorded curves, eight seeds at each size; the chance of test rows is in it, as their predictions were not kept.

Spreads are pooled as variances, so that one wide candidate counts in full. A full run takes one to two hours on two
cores; one that was cut off goes on where it ended.
"""

from __future__ import annotations

import functools
import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.common import Claim, dataset, main
from benchmarks.curve_data import Recorded, recorded
from benchmarks.kept import Kept
from probes.paired import EARLY_SPREAD, SEED_SPREAD

if TYPE_CHECKING:
    from probes.measurement import Measurement
    from probes.workbench import Workbench

DATASETS = ("subjectivity", "code_comments_python", "banking77", "afrisenti_swahili", "chess_openings")
STRATEGIES = ("full", "lora")
ROWS, VALIDATION_ROWS, TEST_ROWS, SEEDS = 200, 200, 1_000, 5
LARGEST_DRAW = 1_024
"""Rows up to which draws are told of: beyond, they lie closer together yet."""
RUNS: list[dict[str, Any]] = []


def spread(hits: NDArray[np.bool_]) -> tuple[float, float]:
    """Return the variance between the true accuracies of seeds, and the accuracy; that estimate may lie below 0.

    Parameters
    ----------
    hits : ndarray of bool, shape (seeds, n)
        Which test rows each seed has right.

    Notes
    -----
    The scores' variance, less the n-th part of the variance that a row's being right has between seeds, in the mean
    over rows.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> same = rng.random(5_000) < np.linspace(0, 1, 5_000)
    >>> spread(np.stack([same, same]))[0]
    0.0
    >>> independent = rng.random((500, 5_000)) < 0.8
    >>> abs(spread(independent)[0]) < 1e-5
    True
    """
    own = float(hits.mean(axis=1).var(ddof=1))
    chance = float(hits.var(axis=0, ddof=1).mean()) / hits.shape[1]
    return own - chance, float(hits.mean())


def measure(quick: bool) -> list[Claim]:
    """Measure the claims; quick reports two seeds of one candidate on 64 rows."""
    RUNS.clear()
    names, strategies, rows, seeds, test_rows = (
        (DATASETS[:1], STRATEGIES[:1], 64, 2, 200) if quick else (DATASETS, STRATEGIES, ROWS, SEEDS, TEST_ROWS)
    )
    claims, units, kept = [], [], Kept(None if quick else "seed_spread")
    for name in names:
        bench = _bench(name, rows, test_rows)
        labels = np.array(bench.data.test.labels)
        for strategy in strategies:
            runs = _seeds(bench, strategy, seeds, kept)
            variance, accuracy = spread(np.stack([np.array(run.predictions) == labels for run in runs]))
            unit = variance / (accuracy * (1 - accuracy))
            units.append(unit)
            scores = [run.score for run in runs]
            RUNS.append({"dataset": name, "strategy": strategy, "rows": rows, "scores": scores, "squared": unit})
            told = f"{_root(unit):.3f}, {100 * _root(variance):.1f} points at {accuracy:.3f}"
            claims.append(Claim(f"{name}, {strategy}: spread of {seeds} seeds", told, "reported", None))
    claims += [
        Claim(f"{strategy}: spread of draws of {size:,} rows, pooled", round(found, 4), "reported", None)
        for (strategy, size), found in draws(recorded()).items()
        if size <= LARGEST_DRAW
    ]
    if quick:  # two seeds tell nothing of a spread
        return claims
    pooled, widest = _root(float(np.mean(units))), _root(max(units))
    return [
        *claims,
        Claim("pooled over all", round(pooled, 4), f"≤ {SEED_SPREAD}, as assumed", pooled <= SEED_SPREAD),
        Claim(
            "the widest", round(widest, 4), f"≤ {EARLY_SPREAD}, as assumed of one or two seeds", widest <= EARLY_SPREAD
        ),
    ]


def draws(curves: Sequence[Recorded]) -> dict[tuple[str, int], float]:
    """Return the pooled spread of draws of the training rows, by strategy and size, where several were recorded."""
    scores: dict[tuple[str, int, str], list[float]] = defaultdict(list)
    for curve in curves:
        for size, score in zip(curve.sizes, curve.scores, strict=True):
            scores[curve.model, size, curve.dataset].append(score)
    pooled: dict[tuple[str, int], list[float]] = defaultdict(list)
    for (strategy, size, _), own in sorted(scores.items()):
        if len(own) > 1:
            mean = float(np.mean(own))
            pooled[strategy, size].append(float(np.var(own, ddof=1)) / (mean * (1 - mean)))
    return {key: _root(float(np.mean(units))) for key, units in pooled.items()}


def _root(variance: float) -> float:
    return math.sqrt(max(0.0, variance))


def _bench(name: str, rows: int, test_rows: int) -> Workbench:
    from probes.data import load_task
    from probes.hardware import inspect_hardware
    from probes.model import read_model
    from probes.sampling import take_nested
    from probes.workbench import Workbench

    data = load_task(dataset(name), skip_bad_rows=True, drop_rare_classes=True)
    parts = {
        "train": take_nested(data.train, rows, 0),
        "validation": take_nested(data.validation, VALIDATION_ROWS, 0),
        "test": take_nested(data.test, test_rows, 0),
    }
    return Workbench(data.model_copy(update=parts), read_model("minilm"), inspect_hardware())


def _seeds(bench: Workbench, strategy: str, seeds: int, kept: Kept) -> Sequence[Measurement]:
    """Measure seed 0 with a search of the learning rate, and the others with the one it chose."""
    from probes.measuring import measure as measured
    from probes.recipe import Tuning
    from strategies import STRATEGIES as ALL
    from strategies import Situation

    own = next(s for s in ALL if s.name == strategy)
    data = bench.data
    runs: list[Measurement] = []
    for seed in range(seeds):
        recipes = own.recipes(
            Situation(
                train_rows=len(data.train),
                validation_rows=len(data.validation),
                test_rows=len(data.test),
                classes=len(data.classes),
                max_length=bench.max_length,
                model=bench.model,
                speed=bench.measured_speed(),
                seed=seed,
            )
        )
        if runs and isinstance(runs[0].recipe, Tuning):
            recipes = (runs[0].recipe.model_copy(update={"seed": seed}),)
        make = functools.partial(
            measured,
            strategy,
            recipes,
            bench,
            train_rows=len(data.train),
            search_rows=len(data.train),
            seed=seed,
            known={},
            record=lambda _: None,
        )
        key = (len(data.train), len(data.validation), len(data.test), strategy, seed, *recipes)
        runs.append(kept.measured(make, Path(data.source).stem, data.fingerprint, *key))
    return runs


def details() -> Mapping[str, Any]:
    """Return the scores of all seeds."""
    return {"runs": RUNS}


if __name__ == "__main__":
    main("seed_spread", measure, details)
