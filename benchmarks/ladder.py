"""How fast probes are: training against the plain Trainer, features against `encode`, the ladder against its grid.

    python -m benchmarks.ladder [--quick] [--json]

All on MiniLM, in one run, on the same work, the two sides in turn.

1. A probe's training against transformers' Trainer with its defaults (8 rows a batch drawn at random, full precision)
   and peft, on the same rows, from the same head, at the same learning rate: training rows passed through a second, by
   the Trainer's own clock, validation left out, median over seeds. LoRA is held against the same adapters and against
   those of `LoraConfig()`, which are fewer. Plain training takes torch's threads or ours, whichever are faster. Scores
   are equal if ours is not shown to be lower: the difference on the same test rows, mean of the seeds, lies above
   -1.645 times its standard error over rows and seeds.
2. Features against sentence-transformers' `encode` with its defaults: the same texts, threads and vectors.
3. `advisor probe` as a command, imports and all, with a tenth of the time of the grid it replaces: every learning rate
   and five seeds of each candidate at all rows, judged by the same rules. The goal is the same choice;
   `benchmarks.decision` asks the same on more rows.
"""

from __future__ import annotations

import statistics
import time

import numpy as np

from benchmarks.common import Claim, dataset, main
from benchmarks.decision import decision, small_decision
from benchmarks.kept import Kept
from probes.workbench import Workbench

DATASETS = ("banking77", "subjectivity")


def measure(quick: bool) -> list[Claim]:
    """Measure the claims; quick takes one small training each, 150 texts, and a grid of light strategies."""
    import torch

    default = torch.get_num_threads()
    claims = []
    for name in DATASETS[1:] if quick else DATASETS:
        bench = _bench(name, 60, 100) if quick else _bench(name, 250, 1000)
        claims += _training(name, bench, default, quick)
    for name in DATASETS[1:] if quick else DATASETS:
        claims += _features(name, 150 if quick else 1500)
    return claims + (small_decision() if quick else decision("subjectivity", 600, 200, 1000, Kept("ladder")))


def _bench(name: str, validation: int, test: int) -> Workbench:
    from probes.data import load_task
    from probes.hardware import inspect_hardware
    from probes.model import read_model
    from probes.sampling import take_nested

    data = load_task(dataset(name))
    parts = {"validation": take_nested(data.validation, validation, 0), "test": take_nested(data.test, test, 0)}
    return Workbench(data.model_copy(update=parts), read_model("minilm"), inspect_hardware())


def _training(name: str, bench: Workbench, default: int, quick: bool) -> list[Claim]:
    """Train each work by turns and compare rows a second and scores."""
    from benchmarks.plain_training import Trained, Work, faster_threads, train_ours, train_plainly
    from probes.sampling import take_nested

    rows = take_nested(bench.data.train, 100 if quick else 400, 0)
    epochs, seeds = (1, 1) if quick else (3, 3)
    threads = faster_threads(bench, rows, default)
    plain: dict[Work, list[Trained]] = {"full": [], "lora": [], "lora as peft has it": []}
    ours: dict[Work, list[Trained]] = {"full": [], "lora": []}
    for seed in range(seeds):
        for work, found in ours.items():
            found.append(train_ours(work, bench, rows, seed, epochs))
        for work, found in plain.items():
            found.append(train_plainly(work, bench, rows, seed, epochs, threads))
    speed = bench.measured_speed()
    claims = [
        Claim(f"{name}: threads and precision, ours", f"{speed.threads}, {speed.precision}", "reported", None),
        Claim(f"{name}: threads, plain Trainer", threads, "reported", None),
    ]
    labels = np.array(bench.data.test.labels)
    for work, others in plain.items():
        own = ours["full" if work == "full" else "lora"]
        pairs = list(zip(own, others, strict=True))
        ratio = round(statistics.median(a.rows_per_second / b.rows_per_second for a, b in pairs), 2)
        whole = statistics.median(a.with_validation / b.with_validation for a, b in pairs)
        rates = [round(statistics.median(t.rows_per_second for t in side), 1) for side in (own, others)]
        lead, error = _lead(labels, [(a.predictions, b.predictions) for a, b in pairs])
        claims += [
            Claim(f"{name}, {work}: rows/s, ours and plain", f"{rates[0]} and {rates[1]}", "reported", None),
            Claim(f"{name}, {work}: ours over plain, rows/s of training", ratio, "≥ 1.5", ratio >= 1.5),
            Claim(f"{name}, {work}: the same with validation", round(whole, 2), "reported", None),
            Claim(
                f"{name}, {work}: points of accuracy ours is ahead, and their standard error",
                f"{100 * lead:+.2f} ± {100 * error:.2f}",
                "not lower beyond noise",
                lead >= -1.645 * error,
            ),
        ]
    return claims


def _lead(labels: np.ndarray, pairs: list[tuple[np.ndarray, np.ndarray]]) -> tuple[float, float]:
    """Return by how much the first of each pair is right more often, and the standard error over rows and seeds."""
    rights = np.array([(a == labels).astype(float) - (b == labels) for a, b in pairs])
    error = rights.mean(axis=0).var(ddof=1) / rights.shape[1]
    if len(rights) > 1:
        error += rights.mean(axis=1).var(ddof=1) / len(rights)
    return float(rights.mean()), float(error**0.5)


def _features(name: str, count: int) -> list[Claim]:
    """Read the same texts by turns, and compare seconds and vectors."""
    import torch
    from sentence_transformers import SentenceTransformer

    from probes.recipe import FrozenFeatures
    from probes.sampling import take_nested

    bench = _bench(name, 10, 10)
    rows = take_nested(bench.data.train, count, 1)
    facts, threads = bench.facts, bench.measured_speed().threads
    other = SentenceTransformer(facts.path, device=bench.device)
    other.max_seq_length = bench.max_length
    recipe = FrozenFeatures(pooling=facts.pooling, normalize=facts.normalize, max_length=bench.max_length)
    seconds: dict[str, list[float]] = {"ours": [], "theirs": []}
    vectors = {}
    torch.set_num_threads(threads)
    bench.features(rows.take(list(range(8))), recipe)  # loads the model, which `encode` above has loaded too
    for turn in range(6):
        for side in ("ours", "theirs") if turn % 2 else ("theirs", "ours"):
            # A workbench of its own reads the texts anew; the loaded model is handed on.
            fresh = Workbench(bench.data, facts, bench.hardware, speed=bench.speed)
            fresh.__dict__.update({k: bench.__dict__[k] for k in ("tokenizer", "_frozen") if k in bench.__dict__})
            start = time.perf_counter()
            texts = list(rows.texts)
            vectors[side] = fresh.features(rows, recipe) if side == "ours" else other.encode(texts)
            seconds[side].append(time.perf_counter() - start)
    apart = float(np.abs(vectors["ours"] - vectors["theirs"]).max())
    # The first turn warms up.
    ratio = statistics.median(b / a for a, b in zip(seconds["ours"][1:], seconds["theirs"][1:], strict=True))
    rate = round(count / statistics.median(seconds["ours"][1:]), 1)
    return [
        Claim(f"{name}, features: rows/s, ours", rate, "reported", None),
        Claim(f"{name}, features: ours over encode, rows/s", round(ratio, 3), "≥ 1.0", ratio >= 1.0),
        Claim(f"{name}, features: largest difference of a value", f"{apart:.1e}", "< 1e-4", apart < 1e-4),
    ]


if __name__ == "__main__":
    main("ladder", measure)
