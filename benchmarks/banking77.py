"""banking77 with MiniLM and 1,000 training rows, against known scores; an underfit run is not refuted.

    python -m benchmarks.banking77 [--quick] [--json]

The goals are scores of hand-tuned trials on a thousand of the test rows. Here all 3,080 test rows count, and what
depends on chance is the mean of three seeds, each with 1,000 rows of its own. The score of a linear probe moves by a
point with the rows drawn, so its goal is for the mean of ten draws of training and validation rows, each of one seed,
told with its standard error.
"""

from __future__ import annotations

import statistics

from benchmarks.common import Claim, dataset, main
from benchmarks.probing import probe, reaches, score

DRAWS = 10
"""Draws of training and validation rows that the mean of the linear probe is taken over."""


def measure(quick: bool) -> list[Claim]:
    """Measure the claims; quick takes 200 training rows and the light strategies."""
    if quick:
        small = probe("banking77", 100, train_rows=200, strategies=["baseline", "linear_probe"])
        probed, plain = score(small, "linear_probe"), score(small, "baseline")
        return [
            Claim("linear probe at 200 rows", probed, "≥ .60", reaches(probed, 0.60)),
            Claim("TF-IDF at 200 rows", plain, "below the linear probe", None if not probed else (plain or 0) < probed),
        ]
    claims = []
    small = probe("banking77", 2400, train_rows=1000, seeds=3)
    for strategy, goal in (("lora", 0.865), ("full", 0.868)):
        value = score(small, strategy)
        claims.append(Claim(f"1,000 rows: {strategy}", value, f"≥ {goal} (trial)", reaches(value, goal)))
    others = [
        probe("banking77", 120, train_rows=1000, strategies=["linear_probe"], split_seed=s, seeds=1)
        for s in range(1, DRAWS)
    ]
    first = next((m.score for m in small.measurements if m.strategy == "linear_probe" and m.seed == 0), None)
    draws = [value for value in (first, *(score(other, "linear_probe") for other in others)) if value is not None]
    mean = round(statistics.mean(draws), 4) if len(draws) == DRAWS else None
    error = round(statistics.stdev(draws) / len(draws) ** 0.5, 4) if len(draws) > 1 else None
    claims.append(Claim("1,000 rows: linear_probe, this draw", first, "reported", None))
    claims.append(Claim(f"1,000 rows: linear_probe, mean of {DRAWS}", mean, "≥ 0.856 (trial)", reaches(mean, 0.856)))
    claims.append(Claim("1,000 rows: linear_probe, standard error of that mean", error, "reported", None))
    claims.append(Claim("1,000 rows: TF-IDF", score(small, "baseline"), "reported", None))
    claims += [Claim(f"1,000 rows: verdict {v.strategy}", v.verdict.value, "reported", None) for v in small.verdicts]
    choice = small.recommendation.strategy if small.recommendation else None
    claims.append(Claim("1,000 rows: recommendation", choice, "one is recommended", choice is not None))
    claims.append(underfit_run())
    return claims


def underfit_run() -> Claim:
    """Train from a random head at a bad learning rate and judge it: it must not be refuted."""
    from advisor.judging import judge
    from probes.data import load_task
    from probes.hardware import inspect_hardware
    from probes.measuring import measure as run
    from probes.model import read_model
    from probes.recipe import BagOfWords, Tuning
    from probes.workbench import Workbench
    from strategies import STRATEGIES, Candidate, Outcome

    data = load_task(dataset("banking77"))
    model, hardware = read_model("minilm"), inspect_hardware()
    bench = Workbench(data, model, hardware)
    bad = Tuning(
        pooling=model.pooling,
        normalize=model.normalize,
        max_length=bench.max_length,
        learning_rate=2e-5,
        head="random",
        epochs=2,
        precision=bench.measured_speed().precision,
    )
    settings = {"train_rows": 1000, "search_rows": 1000, "seed": 0, "known": {}, "record": lambda _: None}
    measurements = [
        run("baseline", (BagOfWords(),), Workbench(data, None, hardware), **settings),  # type: ignore[arg-type]
        run("full", (bad,), bench, **settings),  # type: ignore[arg-type]
    ]
    verdicts = judge(
        {s.name: s for s in STRATEGIES},
        [Candidate(strategy="baseline"), Candidate(strategy="full", model="minilm")],
        measurements,
        data,
        blocked={},
        failures={},
        metric="accuracy",
        tolerance=0.01,
        target=None,
        rows=1000,
    )
    said = verdicts[1]
    value = f"{said.verdict} at {measurements[1].score:.3f}: {said.because}"
    holds = said.verdict is Outcome.UNDECIDED and "underfit" in said.because
    return Claim("an underfit run is not refuted", value, "UNDECIDED, underfit", holds)


if __name__ == "__main__":
    main("banking77", measure)
