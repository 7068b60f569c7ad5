"""What transformers' Trainer costs over a bare loop at probe size: the same model, rows, batches and optimiser.

    python -m benchmarks.trainer_overhead [--quick] [--json]

The goal is 15 %: above it a loop of our own would be worth its upkeep.
"""

from __future__ import annotations

import statistics
import time

from benchmarks.common import Claim, main


def measure(quick: bool) -> list[Claim]:
    """Measure the claim; quick trains on 160 rows, else 480, each way three times in turn."""
    from advisor.demo import ROWS
    from probes.data import load_task
    from probes.hardware import inspect_hardware
    from probes.model import read_model
    from probes.recipe import Tuning
    from probes.sampling import take_nested
    from probes.training import fit_tuning
    from probes.workbench import Workbench

    data = load_task(str(ROWS))
    model = read_model("minilm")
    bench = Workbench(data, model, inspect_hardware())
    rows = take_nested(data.train, 160 if quick else 480, 0)
    recipe = Tuning(
        pooling=model.pooling,
        normalize=model.normalize,
        max_length=bench.max_length,
        learning_rate=5e-5,
        epochs=2,
        precision=bench.measured_speed().precision,
    )
    fit_tuning(recipe.model_copy(update={"epochs": 1}), bench, rows)  # imports, features and caches
    ours, bare = [], []
    for _ in range(1 if quick else 3):
        start = time.perf_counter()
        fit_tuning(recipe, bench, rows)
        ours.append(time.perf_counter() - start)
        start = time.perf_counter()
        _bare_loop(recipe, bench, rows)
        bare.append(time.perf_counter() - start)
    ratio = statistics.median(ours) / statistics.median(bare)
    return [
        Claim("Trainer path, seconds", round(statistics.median(ours), 2), "reported", None),
        Claim("bare loop, seconds", round(statistics.median(bare), 2), "reported", None),
        Claim("ratio", round(ratio, 3), "≤ 1.15", ratio <= 1.15),
    ]


def _bare_loop(recipe: object, bench: object, rows: object) -> None:
    """Train and validate as plainly as can be: the same steps without Trainer, checkpoints and callbacks."""
    import torch
    from transformers import get_linear_schedule_with_warmup, set_seed

    from benchmarks.plain_training import network
    from probes.batching import LengthBuckets
    from probes.cpu_training import prepare_for_cpu
    from probes.data import Rows
    from probes.recipe import Tuning
    from probes.training import _logits
    from probes.workbench import Workbench

    assert isinstance(recipe, Tuning) and isinstance(bench, Workbench) and isinstance(rows, Rows)  # noqa: S101
    bench.measured_speed()  # sets the threads as the Trainer path does
    set_seed(recipe.seed)
    model = network("full", recipe, bench, rows)
    if bench.device == "cpu":
        prepare_for_cpu(model, model.body, half=recipe.precision == "bf16", tokens=recipe.read_length)
    encoded = bench.tokens(rows, recipe.max_length)
    buckets = LengthBuckets([len(e["input_ids"]) for e in encoded], recipe.batch_size, recipe.seed)
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay, fused=True
    )
    steps = recipe.epochs * -(-len(rows) // recipe.batch_size)
    schedule = get_linear_schedule_with_warmup(optimizer, int(recipe.warmup * steps), steps)
    for epoch in range(recipe.epochs):
        model.train()
        buckets.set_epoch(epoch)
        order = list(buckets)
        for start in range(0, len(rows), recipe.batch_size):
            picked = order[start : start + recipe.batch_size]
            batch = bench.tokenizer.pad([encoded[i] for i in picked], padding=True, return_tensors="pt").to(
                bench.device
            )
            labels = torch.tensor([rows.labels[i] for i in picked], device=bench.device)
            with torch.autocast(bench.device, torch.bfloat16, enabled=recipe.precision == "bf16"):
                loss = model(**batch, labels=labels)["loss"]
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), recipe.max_grad_norm)
            optimizer.step()
            schedule.step()
            optimizer.zero_grad()
        _logits(model, bench, bench.tokenizer, bench.data.validation, recipe, "validation")
    # The Trainer path also checks the fit on up to 256 training rows; it is part of the method, not of the Trainer.
    _logits(model, bench, bench.tokenizer, rows.take(list(range(min(len(rows), 256)))), recipe, "fit")


if __name__ == "__main__":
    main("trainer_overhead", measure)
