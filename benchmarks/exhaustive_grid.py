"""The grid that the ladder replaces: every learning rate and seed of every candidate at all rows, judged the same."""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.common import dataset
from benchmarks.kept import Kept
from probes.data import load_task
from probes.sampling import take_nested

STRATEGIES = ("baseline", "linear_probe", "lora", "top_layers", "full")
SEEDS = 5
TOLERANCE = 0.01
"""The default of `advisor probe`."""


def rows_file(name: str, folder: Path, train: int, validation: int, test: int) -> Path:
    """Write a sample of a data set's splits, marked as such, so that grid and ladder read the same."""
    data = load_task(dataset(name))
    file = folder / f"{name}.jsonl"
    with file.open("w", encoding="utf-8") as out:
        for split, part, count in (
            ("train", data.train, train),
            ("validation", data.validation, validation),
            ("test", data.test, test),
        ):
            sample = take_nested(part, count, 0)
            for text, label in zip(sample.texts, sample.labels, strict=True):
                out.write(json.dumps({"text": text, "label": data.classes[label], "split": split}) + "\n")
    return file


@dataclass(frozen=True)
class Decided:
    """What was decided, and in which time."""

    choice: str | None
    """The strategy recommended."""
    verdict: str | None
    """Its verdict."""
    seconds: float
    scores: dict[str, float]
    """Accuracy on the test rows of each strategy measured, the mean of its seeds."""


def by_grid(file: Path, strategies: tuple[str, ...], seeds: int, kept: Kept) -> Decided:
    """Measure the whole grid and decide by it.

    Each seed of a tuned candidate tries all its learning rates on all training rows and takes the best by validation
    rows; what does not depend on chance is measured once. Features and tokens are shared, as on the ladder. What an
    earlier run had `kept` is not measured again, and its seconds count.
    """
    from advisor.decide import recommend
    from advisor.judging import judge
    from probes.hardware import inspect_hardware
    from probes.measuring import measure
    from probes.model import read_model
    from probes.workbench import Workbench
    from strategies import STRATEGIES as ALL
    from strategies import Candidate
    from strategies.base import Situation

    started = time.monotonic()
    data = load_task(str(file), split_column="split")
    model, hardware = read_model("minilm"), inspect_hardware()
    bench = Workbench(data, model, hardware)
    entered = [s for s in ALL if s.name in strategies]
    speed = bench.measured_speed() if any(s.needs_model for s in entered) else None
    measurements = []
    for strategy in entered:
        for seed in range(seeds if strategy.seeded else 1):
            situation = Situation(
                train_rows=len(data.train),
                validation_rows=len(data.validation),
                test_rows=len(data.test),
                classes=len(data.classes),
                model=model if strategy.needs_model else None,
                max_length=bench.max_length,
                speed=speed,
                seed=seed,
            )
            recipes = strategy.recipes(situation)
            make = functools.partial(
                measure,
                strategy.name,
                recipes,
                bench if strategy.needs_model else Workbench(data, None, hardware),
                train_rows=len(data.train),
                search_rows=len(data.train),
                seed=seed,
                known={},
                record=lambda _: None,
                beyond=0,  # the rates proposed and none beyond
            )
            measurements.append(kept.measured(make, file.stem, data.fingerprint, strategy.name, seed, *recipes))
    verdicts = judge(
        {s.name: s for s in ALL},
        [Candidate(strategy=s.name, model=model.name if s.needs_model else None) for s in entered],
        measurements,
        data,
        blocked={},
        failures={},
        metric="accuracy",
        tolerance=TOLERANCE,
        target=None,
        rows=len(data.train),
    )
    choice = recommend(verdicts, measurements, TOLERANCE, "accuracy")
    return Decided(
        choice=choice.strategy if choice else None,
        verdict=choice.verdict.value if choice else None,
        seconds=time.monotonic() - started + kept.seconds,
        scores={v.strategy: v.score.mean for v in verdicts if v.score},
    )


def by_ladder(file: Path, strategies: tuple[str, ...], seconds: float) -> Decided:
    """Run `advisor probe` with this budget on the same rows, nothing remembered.

    Raises
    ------
    SystemExit
        With what it said, if it gave no result.
    """
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "advisor", "probe", str(file), "--model", "minilm", "--split-column", "split"]
        command += ["--strategies", ",".join(strategies), "--budget", f"{seconds:.0f}s"]
        command += ["--run", str(Path(folder) / "run"), "--json"]
        started = time.monotonic()
        environment = {**os.environ, "ADVISOR_CACHE": str(Path(folder) / "cache")}
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
        took = time.monotonic() - started
    if done.returncode not in (0, 3):
        sys.exit(f"{' '.join(command)} ended with {done.returncode}: {(done.stdout + done.stderr)[-2000:]}")
    said = json.loads(done.stdout)
    choice = said["recommendation"] or {}
    return Decided(
        choice=choice.get("strategy"),
        verdict=choice.get("verdict"),
        seconds=took,
        scores={v["strategy"]: v["score"]["mean"] for v in said["verdicts"] if v["score"]},
    )
