"""Record real learning curves: the test score over train size of each strategy on each data set.

    python -m benchmarks.record_curves --budget MINUTES [--strategies NAME …] [--datasets NAME …]
                                       [--min-rows N] [--max-rows N] [--seeds K] [--precision bf16] [--file CSV]

Train sizes double from 64 (from the first that can hold every class) and end with all rows; sizes are nested. A seed
decides which rows are taken, their order and the initialisation; the test rows stay. The recipes are those of the
strategies, chosen on validation rows as in a probe: a learning rate that was chosen on 1,000 rows or more is kept for
larger sizes. Three limits keep a sweep affordable: 2,000 test rows, 500 validation rows (200 where every epoch is
validated) and 128 tokens a text. One core, MiniLM where a model takes part, trained in full precision or, where
`--precision` says so, in half: the same scores to .3 points (docs/design.md), in less time where the processor has it.

Each finished measurement is one line of `benchmarks/curves/recorded.csv`, written at once; what stands there is never
measured again, so that the same command goes on where the last one ended. Features are computed once a data set, kept
in the cache folder, and left out of `seconds`.
"""

from __future__ import annotations

import argparse
import csv
import functools
import importlib.metadata
import io
import os
import sys
from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.common import dataset, machine

if TYPE_CHECKING:
    from probes.deadline import Deadline
    from probes.recipe import Precision
    from probes.workbench import Workbench

FILE = Path(__file__).parent / "curves" / "recorded.csv"
FIELDS = (
    "dataset",
    "strategy",
    "size",
    "seed",
    "test_rows",
    "score",
    "seconds",
    "setting",
    "precision",
    "versions",
    "machine",
)
DATASETS = (
    "subjectivity",
    "banking77",
    "chess_openings",
    "dna_splice",
    "sentence_polarity",
    "code_comments_java",
    "code_comments_python",
    "afrisenti_swahili",
    "clinc150_small",
    "medical_abstracts",
    "afrisenti_hausa",
)
STRATEGIES = ("baseline", "linear_probe", "full", "lora")
SMALLEST = 64
TEST_ROWS, VALIDATION_ROWS, MAX_LENGTH = 2_000, 500, 128
EPOCH_VALIDATION_ROWS = 200
"""Validation rows of what validates after each epoch."""

RATE = "learning_rate="

Key = tuple[str, str, int, int]
"""Data set, strategy, train size and seed."""


def sizes(classes: int, rows: int, most: int | None) -> list[int]:
    """Return the train sizes: doubling from 64, at least one row a class, and all rows last.

    Examples
    --------
    >>> sizes(classes=77, rows=600, most=None)
    [128, 256, 512, 600]
    >>> sizes(classes=2, rows=600, most=128)
    [64, 128]
    """
    doubling = [SMALLEST << k for k in range(32) if classes <= SMALLEST << k < rows]
    return [size for size in (*doubling, rows) if most is None or size <= most]


def recorded(file: Path) -> set[Key]:
    """Return what stands in the file, having cut off a last line that was not finished."""
    if not file.is_file():
        return set()
    raw = file.read_bytes()
    whole = raw.rfind(b"\n") + 1
    if whole < len(raw):
        os.truncate(file, whole)
    with file.open(encoding="utf-8", newline="") as stream:
        return {(row["dataset"], row["strategy"], int(row["size"]), int(row["seed"])) for row in csv.DictReader(stream)}


def append(file: Path, row: dict[str, object]) -> None:
    """Append a line, and the head first where the file is new.

    In one write, so that two recorders of different data sets may share a file.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    line = io.StringIO()
    writer = csv.DictWriter(line, FIELDS, lineterminator="\n")
    with file.open("ab", buffering=0) as stream:
        if stream.tell() == 0:
            writer.writeheader()
        writer.writerow(row)
        stream.write(line.getvalue().encode("utf-8"))


@functools.cache
def bench_of(name: str, validation_rows: int, precision: Precision) -> Workbench:
    """Read a data set, with as many test and validation rows as a sweep can afford, beside MiniLM; once a process."""
    from advisor.caches import cache_folder
    from probes.data import load_task
    from probes.features import FeatureCache
    from probes.hardware import inspect_hardware
    from probes.model import read_model
    from probes.sampling import take_nested
    from probes.workbench import Workbench

    data = load_task(dataset(name), skip_bad_rows=True, drop_rare_classes=True)
    data = data.model_copy(
        update={
            "test": take_nested(data.test, TEST_ROWS, 0),
            "validation": take_nested(data.validation, validation_rows, 0),
        }
    )
    cache = FeatureCache(cache_folder() / "features")
    return Workbench(data, read_model("minilm"), inspect_hardware(), cache=cache, choice=(1, precision))


def record(
    name: str,
    strategy: str,
    seed: int,
    least: int,
    most: int | None,
    precision: Precision,
    deadline: Deadline,
    file: Path,
) -> Iterator[dict[str, object]]:
    """Measure what the file lacks of one curve, appending and yielding each line.

    Parameters
    ----------
    name : str
    strategy : str
    seed : int
    least : int
        Train size at least.
    most : int or None
        Train size at most; None for all rows.
    precision : {'fp32', 'bf16'}
        Of training.
    deadline : Deadline
    file : Path

    Raises
    ------
    OutOfTime
        At the deadline; what was finished stands in the file.
    """
    from probes.errors import MeasurementFailed
    from strategies import STRATEGIES as ALL

    method = next(s for s in ALL if s.name == strategy).method
    bench = bench_of(name, EPOCH_VALIDATION_ROWS if method == "tuning" else VALIDATION_ROWS, precision)
    bench.deadline = deadline
    # The seed of the split orders the rows a sample is taken from; the splits themselves are made.
    bench.data = bench.data.model_copy(update={"split_seed": seed})
    every = sizes(len(bench.data.classes), len(bench.data.train), most)
    done = recorded(file)
    wanted = [key for size in every if size >= least and (key := (name, strategy, size, seed)) not in done]
    if wanted and method != "bag_of_words":
        _know_features(bench, every, seed)
    for key in wanted:
        try:
            row = _measured(bench, key, chosen_rate(file, key))
        except MeasurementFailed as error:
            sys.stderr.write(f"{' '.join(map(str, key))}: {error}\n")
            continue
        append(file, row)
        yield row
    bench.drop_frozen()  # eleven data sets, and one model in memory


def chosen_rate(file: Path, key: Key) -> float | None:
    """Return the learning rate that was chosen for a curve on enough rows, but fewer than here; None if none was."""
    from advisor.plan import SEARCH_ROWS

    name, strategy, size, seed = key
    if not file.is_file():
        return None
    with file.open(encoding="utf-8", newline="") as stream:
        own = [
            (int(row["size"]), float(row["setting"].removeprefix(RATE)))
            for row in csv.DictReader(stream)
            if (row["dataset"], row["strategy"], int(row["seed"])) == (name, strategy, seed)
            and row["setting"].startswith(RATE)
            and SEARCH_ROWS <= int(row["size"]) < size
        ]
    return min(own)[1] if own else None


def _measured(bench: Workbench, key: Key, rate: float | None) -> dict[str, object]:
    """Measure one recipe at one size and seed, through the fit that `advisor probe` uses."""
    from advisor.plan import SEARCH_ROWS
    from probes.measuring import measure
    from probes.recipe import Tuning
    from probes.searching import at_rate, describe
    from strategies import STRATEGIES as ALL
    from strategies import Situation

    name, strategy, size, seed = key
    data, chosen = bench.data, next(s for s in ALL if s.name == strategy)
    tuned = chosen.method == "tuning"
    recipes = chosen.recipes(
        Situation(
            train_rows=size,
            validation_rows=len(data.validation),
            test_rows=len(data.test),
            classes=len(data.classes),
            max_length=_max_length(bench),
            model=bench.model,
            speed=bench.measured_speed() if tuned else None,  # which says the precision
            seed=seed,
        )
    )
    first = recipes[0]
    if rate is not None and isinstance(first, Tuning):
        recipes = (at_rate(first, rate),)
    done = measure(
        strategy,
        recipes,
        bench,
        train_rows=size,
        search_rows=min(size, max(SEARCH_ROWS, len(data.classes))),
        seed=seed,
        known={},
        record=lambda _: None,
    )
    return {
        "dataset": name,
        "strategy": strategy,
        "size": size,
        "seed": seed,
        "test_rows": len(data.test),
        "score": round(done.score, 6),
        "seconds": round(done.seconds, 2),
        "setting": describe(done.recipe),
        "precision": done.recipe.precision if isinstance(done.recipe, Tuning) else "",
        "versions": versions(),
        "machine": machine(),
    }


def _know_features(bench: Workbench, every: Sequence[int], seed: int) -> None:
    """Give the cache the features of each sample, picked from those of the largest: no text is read twice."""
    from probes.features import FeatureCache, frozen_dtype
    from probes.recipe import FrozenFeatures
    from probes.sampling import order_of_seed, take_nested

    facts, data = bench.facts, bench.data
    order = order_of_seed(data.split_seed, seed)
    recipe = FrozenFeatures(pooling=facts.pooling, normalize=facts.normalize, max_length=_max_length(bench))
    dtype = frozen_dtype(facts, bench.device)
    largest = take_nested(data.train, every[-1], order)
    vectors = bench.features(largest, recipe)
    place = {number: i for i, number in enumerate(largest.numbers)}
    for size in every[:-1]:
        sample = take_nested(data.train, size, order)
        picked = vectors[[place[number] for number in sample.numbers]]
        key = FeatureCache.key(facts, sample, recipe.pooling, recipe.normalize, recipe.max_length, dtype)
        bench.cache.get(key, picked.copy)


def _max_length(bench: Workbench) -> int:
    return min(bench.max_length, MAX_LENGTH)


def versions() -> str:
    """Name the libraries that decide a score, with their versions."""
    return "; ".join(f"{name} {importlib.metadata.version(name)}" for name in ("scikit-learn", "torch", "transformers"))


def main(arguments: Sequence[str] | None = None) -> None:
    """Record until all is recorded or the budget is spent."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.record_curves")
    parser.add_argument("--budget", type=float, required=True, metavar="MINUTES")
    parser.add_argument("--strategies", nargs="+", choices=STRATEGIES, default=STRATEGIES)
    parser.add_argument("--datasets", nargs="+", choices=DATASETS, default=DATASETS)
    parser.add_argument("--min-rows", type=int, default=SMALLEST, help="smallest train size")
    parser.add_argument("--max-rows", type=int, help="largest train size; all rows where not given")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--precision", choices=("fp32", "bf16"), default="fp32", help="of training")
    parser.add_argument("--file", type=Path, default=FILE)
    flags = parser.parse_args(arguments)
    import torch

    from probes.deadline import Deadline
    from probes.errors import OutOfTime

    torch.set_num_threads(1)
    deadline = Deadline(60 * flags.budget)
    try:
        # Every data set once before any twice.
        for seed, name, strategy in product(range(flags.seeds), flags.datasets, flags.strategies):
            limits = (flags.min_rows, flags.max_rows, flags.precision)
            for row in record(name, strategy, seed, *limits, deadline, flags.file):
                line = " ".join(
                    str(row[field]) for field in ("dataset", "strategy", "size", "seed", "score", "seconds")
                )
                sys.stdout.write(line + "\n")
                sys.stdout.flush()
    except OutOfTime:
        sys.stdout.write("The budget is spent; the same command goes on from here.\n")


if __name__ == "__main__":
    main()
